import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readBeneath } from "../../../runner/git/read-beneath.ts";

test("nothing outside the folder is read, whatever an agent has put in a file's or a folder's place", async () => {
  const root = mkdtempSync(join(tmpdir(), "agenticore-beneath-"));
  const at = (name: string) => join(root, name);
  mkdirSync(at("tree/real"), { recursive: true });
  mkdirSync(at("outside"));
  writeFileSync(at("outside/secret"), "secret");
  writeFileSync(at("tree/real/file"), "text");
  symlinkSync(at("outside"), at("tree/folder"));
  symlinkSync(at("outside/secret"), at("tree/file"));
  execFileSync("sh", ["-c", 'mkfifo "$0"', at("tree/pipe")]);
  const read = async (path: string, most = 100) => {
    const found = await readBeneath(at("tree"), path, most);
    return found && [found.mode, found.bytes.toString()];
  };
  try {
    expect(await read("real/file")).toEqual(["100644", "text"]);
    expect(await read("file")).toEqual(["120000", at("outside/secret")]);
    for (const path of [
      "folder/secret",
      "../outside/secret",
      "real/../../outside/secret",
      "/etc/passwd",
      "",
      "pipe",
      "real",
    ])
      expect([path, await read(path)]).toEqual([path, undefined]);
    expect(await read("real/file", 3)).toBeUndefined();
    symlinkSync(at("tree"), at("linked"));
    expect(await readBeneath(at("linked"), "real/file", 100)).toBeUndefined();
  } finally {
    rmSync(root, { recursive: true });
  }
});
