import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { claudeVersion, compareVersions, findClaude, oldestTested } from "../../../runner/claude/find-claude.ts";
import { claudeBinary } from "../../support/claude-cli.ts";

function aBox() {
  const root = mkdtempSync(join(tmpdir(), "agenticore-find-"));
  const program = (path: string, text = "#!/bin/sh\necho hello\n", mode = 0o755) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
    return join(root, path);
  };
  return { root, program, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

test("a name is looked up in PATH, in its order, and comes back as an absolute path", async () => {
  using box = aBox();
  box.program("a/other");
  const second = box.program("b/claude");
  box.program("c/claude");
  const path = ["a", "b", "c"].map((folder) => join(box.root, folder)).join(":");
  expect(await findClaude({ binary: "claude", path, cwd: "/" })).toBe(second);
});

test("what cannot be started is passed over: folders, plain files, and anything relative", async () => {
  using box = aBox();
  mkdirSync(join(box.root, "a/claude"), { recursive: true });
  box.program("b/claude", "", 0o644);
  const good = box.program("c/claude");
  const path = `.::relative:${["a", "b", "c"].map((folder) => join(box.root, folder)).join(":")}`;
  expect(await findClaude({ binary: "claude", path, cwd: join(box.root, "c") })).toBe(good);
});

test("a path is taken as it is, from where the runner was started", async () => {
  using box = aBox();
  const program = box.program("tools/cc");
  expect(await findClaude({ binary: program, path: "", cwd: "/" })).toBe(program);
  expect(await findClaude({ binary: "./tools/cc", path: "", cwd: box.root })).toBe(program);
});

test("a missing program is told with what to do about it", async () => {
  using box = aBox();
  const missing = findClaude({ binary: "claude", path: box.root, cwd: "/" });
  await expect(missing).rejects.toMatchObject({
    code: "claude_not_found",
    message: 'Claude Code was not found: no "claude" is in PATH.',
    remedy: expect.stringContaining("AGENTICORE_CLAUDE_BINARY"),
  });
  await expect(findClaude({ binary: "/no/claude", path: "", cwd: "/" })).rejects.toThrow("/no/claude is not a program");
});

test("the real CLI tells its version, which is one that the runner is tested with", async () => {
  const version = await claudeVersion(claudeBinary());
  expect(compareVersions(version, oldestTested)).toBeGreaterThanOrEqual(0);
});

test("another program of that name is found out", async () => {
  using box = aBox();
  await expect(claudeVersion(box.program("claude"))).rejects.toMatchObject({
    code: "claude_not_found",
    message: expect.stringContaining('it answers "hello"'),
  });
  await expect(claudeVersion(box.program("broken", "#!/no/such/interpreter\n"))).rejects.toThrow(/does not work/);
});

test("versions are compared as numbers", () => {
  expect(compareVersions("2.1.99", "2.1.197")).toBeLessThan(0);
  expect(compareVersions("2.10.0", "2.9.9")).toBeGreaterThan(0);
  expect(compareVersions("2.1.330", "2.1.330")).toBe(0);
});
