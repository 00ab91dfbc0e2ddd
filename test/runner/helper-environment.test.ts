import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const call = /(?<!function |\.)\b(?:spawn|execute|execFile|execa|promisify\(execFile\))\((?=[^)])[\s\S]{0,500}?;\n/g;

/** Inside of a job's box, whose environment it passes on. */
const inside = ["runner/box/relay-main.ts"];

/** Calls that start a program without a word on its environment: it would have all of ours, with the secrets in it. */
function bareCalls(text: string): readonly string[] {
  return [...text.matchAll(call)].map(([found]) => found).filter((found) => !/\benv\b|\boptions\b|\bhow\b/.test(found));
}

test("no helper that the runner or the command line starts (rm, du, cp, flock, setpriv, id) has their environment", () => {
  const files = globSync("{runner,cli,shared,bin}/**/*.ts", { cwd: root }).filter((file) => !inside.includes(file));
  const starting = files.filter((file) =>
    /from "(?:node:child_process|execa)"/.test(readFileSync(join(root, file), "utf8")),
  );
  expect(starting.length).toBeGreaterThan(10);
  const bare = starting.flatMap((file) =>
    bareCalls(readFileSync(join(root, file), "utf8")).map((found) => `${file}: ${found.slice(0, 80)}`),
  );
  expect(bare).toEqual([]);
});

test("one that says nothing of it is found", () => {
  expect(bareCalls('spawn("rm", ["-rf"], { stdio: "ignore" }).once("exit", done);\n')).toHaveLength(1);
  expect(bareCalls('await promisify(execFile)("du", ["-sk"]);\n')).toHaveLength(1);
  expect(bareCalls('spawn("rm", ["-rf"], { env: {} });\n')).toEqual([]);
});
