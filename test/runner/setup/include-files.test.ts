import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { includeFiles } from "../../../runner/setup/include-files.ts";

function aPlace(patterns: string, files: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-include-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [mine, tree] = [join(root, "mine"), join(root, "tree")];
  for (const path of [...files.map((file) => join(mine, file)), join(tree, ".git")]) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `content of ${path.slice(root.length)}`);
  }
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, ".worktreeinclude"), patterns);
  const noted: string[] = [];
  const include = () =>
    includeFiles(mine, tree, async (list, contents) => {
      expect(contents).toHaveLength(2 * list.length);
      expect(list.filter((path) => existsSync(join(tree, path)))).toEqual([]);
      noted.push(...list);
    });
  return { root, mine, tree, noted, include };
}
const all = [".env", "a/.env", "a/b/.env.local", "conf/x.json", "a/conf/y.json", "node_modules/p/.env", ".git/config"];

test.for<readonly [string, readonly string[]]>([
  [".env", [".env", "a/.env"]],
  ["/.env", [".env"]],
  [".env*\n!a/.env", [".env", "a/b/.env.local"]],
  ["# a note\n\nconf/", ["a/conf/y.json", "conf/x.json"]],
  ["/conf/", ["conf/x.json"]],
  ["a/**/*.local", ["a/b/.env.local"]],
  ["node_modules/p/.env", ["node_modules/p/.env"]],
  [".git/config\n.git\n*/config\n../*", []],
])("the patterns are a .gitignore's: %j", async ([patterns, expected]) => {
  const { include, noted } = aPlace(patterns, all);
  const { files, warnings } = await include();
  expect([files.toSorted(), warnings]).toEqual([expected.toSorted(), []]);
  expect(noted.toSorted()).toEqual(expected.toSorted());
});

test("a link that the repository has where a file should go leads nowhere", async () => {
  const { root, tree, include } = aPlace("conf/x.json\n.env", ["conf/x.json", ".env"]);
  mkdirSync(join(root, "elsewhere"));
  symlinkSync(join(root, "elsewhere"), join(tree, "conf"));
  symlinkSync(join(root, "elsewhere/.env"), join(tree, ".env"));
  expect((await include()).files).toEqual([]);
  expect(existsSync(join(root, "elsewhere/x.json"))).toBe(false);
  expect(existsSync(join(root, "elsewhere/.env"))).toBe(false);
});

test("what the checkout has is not overwritten", async () => {
  const { tree, include } = aPlace("a.txt\nb.txt", ["a.txt", "b.txt"]);
  writeFileSync(join(tree, "a.txt"), "the repository's");
  expect((await include()).files).toEqual(["b.txt"]);
  expect(readFileSync(join(tree, "a.txt"), "utf8")).toBe("the repository's");
});

test("without a list, or with one that is a link, nothing is copied", async () => {
  const { mine, include } = aPlace("*", ["a"]);
  rmSync(join(mine, ".worktreeinclude"));
  expect(await include()).toEqual({ files: [], warnings: [] });
  writeFileSync(join(mine, "list"), "a");
  symlinkSync("list", join(mine, ".worktreeinclude"));
  expect(await include()).toEqual({ files: [], warnings: [] });
});
