import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderNames } from "../../../shared/store/spool/folder-names.node.ts";

const hour = 3_600;

/** A folder with one file that has not changed for an hour. */
function aQuietFolder() {
  const dir = mkdtempSync(join(tmpdir(), "agenticore-names-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "a"), "");
  const at = Math.floor(Date.now() / 1_000) - hour;
  const quiet = () => utimesSync(dir, at, at);
  quiet();
  return { dir, quiet };
}

test("what comes into a folder that was quiet for long, is renamed in it or goes is seen at once", async () => {
  const { dir } = aQuietFolder();
  const names = folderNames(Date.now);
  const seen = async () => [...(await names(dir))].sort();

  expect([await seen(), await seen()]).toEqual([["a"], ["a"]]);
  writeFileSync(join(dir, "b"), "");
  expect(await seen()).toEqual(["a", "b"]);
  renameSync(join(dir, "b"), join(dir, "c"));
  expect(await seen()).toEqual(["a", "c"]);
  rmSync(join(dir, "a"));
  expect(await seen()).toEqual(["c"]);
  rmSync(dir, { recursive: true });
  expect(await seen()).toEqual([]);
});

test("a change that leaves the time of the one before it is seen, where that was a moment ago", async () => {
  const { dir } = aQuietFolder();
  const names = folderNames(Date.now);
  const at = Date.now() / 1_000 - 1;
  utimesSync(dir, at, at);
  await names(dir);
  writeFileSync(join(dir, "b"), "");
  utimesSync(dir, at, at);

  expect([...(await names(dir))].sort()).toEqual(["a", "b"]);
});

test("a folder that has not changed is not read again", async () => {
  const { dir, quiet } = aQuietFolder();
  const names = folderNames(Date.now);
  const first = await names(dir);
  writeFileSync(join(dir, "b"), "");
  quiet();

  expect(await names(dir)).toBe(first);
});
