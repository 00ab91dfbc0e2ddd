import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const pages = globSync("{*.md,docs/**/*.md}", { cwd: root });

/** Links to files, without anchors and addresses. */
const linksOf = (page: string): string[] =>
  [...readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(
    ([, link]) => link as string,
  );

test("there are pages to check", () => {
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(8);
});

test("every link to a file of the project leads somewhere", () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page} -> ${link}`),
  );
  expect(broken).toEqual([]);
});

test("every source and test that ARCHITECTURE.md names is there", () => {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const table = text.slice(text.indexOf("## Failure table"));
  const stories = [...table.matchAll(/`test\/story\/([^`]+)`((?:, `[a-z-]+(?:\.long)?`)*)/g)].flatMap(
    ([, first, more]) => [
      first as string,
      ...[...(more ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    ],
  );
  expect(stories.length).toBeGreaterThan(8);
  const sources = [...text.matchAll(/`((?:shared|api|runner|cli)\/[\w./-]+\.\w+)`/g)].map(([, path]) => path as string);
  const named = [...stories.map((name) => `test/story/${name}.test.ts`), ...sources];
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("every test that the table of bad input in docs/security.md names is there", () => {
  const text = readFileSync(join(root, "docs/security.md"), "utf8");
  const rows = text.slice(text.indexOf("## What strangers may send")).split("\n").slice(4);
  const named = rows.map((row) =>
    [...(row.split("|").at(-2) ?? "").matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path),
  );
  const bare = rows.filter(
    (row, index) => row.startsWith("| ") && !row.startsWith("| sent") && named[index]?.length === 0,
  );
  expect(named.flat().length).toBeGreaterThan(20);
  expect(bare).toEqual([]);
  const there = (path: string) => existsSync(join(root, `${path}.test.ts`)) || existsSync(join(root, path));
  expect(named.flat().filter((path) => path !== undefined && !there(path))).toEqual([]);
});
