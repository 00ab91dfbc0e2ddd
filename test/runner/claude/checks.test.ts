import { describe, expect, test } from "vitest";
import { readCommand } from "../../../runner/claude/check-command.ts";
import { redactor } from "../../../shared/redact.ts";
import { answered, init, read, replay, result, used } from "./stream-lines.ts";

describe("a command line is a check", () => {
  test.each([
    "npm test",
    "npm run lint -- --fix",
    "cd web && npm run test:unit",
    "CI=1 npx vitest run src",
    "npm --prefix web test",
    "pnpm -r build",
    "yarn workspace api test",
    "yarn vitest",
    "uv run pytest -q",
    "python3 -m unittest discover",
    "timeout 60 make -j 4 check",
    "./gradlew :app:test",
    "bash -lc 'npm test'",
    "scripts/test.sh fast",
    "(npm test)",
    "if npm test; then echo good; fi",
    "node --test test/",
    "cargo clippy --all",
    "make",
    "git add -A\nnpm test",
  ])("%s", (line) => {
    expect(readCommand(line).isCheck).toBe(true);
  });

  test.each([
    "ls test",
    "mkdir build && rm -rf build",
    "echo npm test",
    "git commit -m 'npm test'",
    "cat package.json | grep test",
    "npm install",
    "npm ci",
    "npx tsc --version",
    "make deploy",
    "# npm test",
    "cat > run.sh <<'END'\nnpm test\nEND\nchmod +x run.sh",
    "node build/server.js",
    "python test_data/generate.py",
    "",
  ])("and this is none: %s", (line) => {
    expect(readCommand(line).isCheck).toBe(false);
  });

  test.each([
    ["npm test", true],
    ["cd web; npm test", true],
    ["npm run lint && npm test", true],
    ["npm test 2>&1", true],
    ["npm test | tail -5", false],
    ["set -o pipefail; npm test | tail -5", true],
    ["npm test; echo done", false],
    ["set -e; npm test; echo done", true],
    ["npm test || true", false],
    ["npm test &", false],
    ["npm test &> log", true],
  ])("whose end its exit status tells or hides: %s", (line, tells) => {
    expect(readCommand(line)).toEqual({ isCheck: true, tells });
  });

  test.each(['"', "'", "\\", ">&", "$(", "a=", "<<a\n", "#", "a#", "&&", "npm "])(
    "a great deal of %j takes no time to speak of",
    (piece) => {
      const begun = performance.now();
      for (let n = 0; n < 20; n += 1) readCommand(piece.repeat(4_000 / piece.length + n));
      expect(performance.now() - begun).toBeLessThan(1_000);
    },
  );
});

const run = (command: string, said: string, isError = false): readonly string[] => [
  used("Bash", { command, description: "x" }),
  answered(said, "toolu_1", isError),
];
const checksOf = (...lines: readonly string[]) => read([init(), replay(), ...lines]).session.checks.done;

test("the last result of each check counts, with how often it ran", () => {
  expect(
    checksOf(
      ...run("npm test", "Exit code 1\n1 failed", true),
      ...run("npm run lint", "clean"),
      ...run("npm test", "Exit code 2\nstill", true),
      ...run("ls", "a"),
      ...run("npm test", "3 passed"),
      result(),
    ),
  ).toEqual([
    { command: "npm run lint", result: "passed", runs: 1 },
    { command: "npm test", result: "passed", runs: 3 },
  ]);
});

test("a failed one has its exit code; one whose line hides it, or that went to the background, is unknown", () => {
  expect(
    checksOf(
      ...run("make check", "Exit code 2\nboom", true),
      ...run("npm test | tail", "1 failed"),
      ...run("npm run e2e", "Command running in background with ID: b19vc0wuk. Output is being written to: /tmp/x"),
    ),
  ).toEqual([
    { command: "make check", result: "failed", exit_code: 2, runs: 1 },
    { command: "npm test | tail", result: "unknown", runs: 1 },
    { command: "npm run e2e", result: "unknown", runs: 1 },
  ]);
});

test("one that was denied or never answered has not run, and a tool other than Bash runs none", () => {
  expect(
    checksOf(
      ...run("npm test", "Permission to use Bash with command npm test has been denied.", true),
      used("Bash", { command: "npm run lint" }, "toolu_2"),
      used("Write", { command: "npm test" }, "toolu_3"),
      answered("done", "toolu_3"),
      used("Bash", ["npm test"], "toolu_4"),
      answered("done", "toolu_4"),
    ),
  ).toEqual([]);
});

test("commands are without known secrets, of one line, cut, and at most twelve: the latest", () => {
  const secret = "s3cret-value-of-mine";
  const many = Array.from({ length: 14 }, (_, n) => run(`TOKEN=${secret} npm run test:${n}\n# more`, "ok")).flat();
  const { session } = read([init(), ...many, ...run(`npm test ${"x".repeat(5_000)}`, "ok")], redactor([secret]));
  const checks = session.checks.done;
  expect(checks).toHaveLength(12);
  expect(checks[0]?.command).toBe("TOKEN=[redacted] npm run test:3 # more");
  expect(checks.at(-1)?.command).toHaveLength(160);
  expect(JSON.stringify(checks)).not.toContain(secret.slice(0, 8));
});
