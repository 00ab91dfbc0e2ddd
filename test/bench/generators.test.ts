import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeBigRepository } from "../../bench/big-repository.ts";
import { streamJson } from "../../bench/stream-json.ts";
import { readMessage } from "../../runner/claude/messages.ts";

function aFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "ac-bench-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("a generated repository has the files and commits that were asked for, and is the same each time", async () => {
  using folder = aFolder();
  const size = { files: 120, commits: 7 };
  const one = await makeBigRepository(join(folder.path, "one"), size);
  const two = await makeBigRepository(join(folder.path, "two"), size);
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: one.path, encoding: "utf8" }).trim();

  expect(git("ls-tree", "-r", "--name-only", "main").split("\n")).toHaveLength(size.files);
  expect(git("rev-list", "--count", "main")).toBe("7");
  expect(two.head()).toBe(one.head());
  expect(await two.advance(3)).toBe(await one.advance(3));
  expect(git("rev-list", "--count", "main")).toBe("10");
  expect(git("fsck", "--strict", "--no-dangling")).toBe("");
});

test("generated output is what Claude prints, as much as was asked for, and the same each time", () => {
  const lines = [...streamJson(200_000)];
  const bytes = Buffer.byteLength(lines.join(""));
  expect(bytes).toBeGreaterThanOrEqual(200_000);
  expect(bytes).toBeLessThan(230_000);
  expect(new Set(lines.map((line) => readMessage(line).type))).toEqual(new Set(["assistant", "user"]));
  expect([...streamJson(200_000)]).toEqual(lines);
});
