import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const rowsOf = (page: string): string[] =>
  read(page)
    .split("\n")
    .filter((line) => /^\| (?!---|the specification \||row \|)/.test(line));

/** All that is named as shown by a test: a file, and words of a title in it. */
const testsIn = (row: string) =>
  [...row.matchAll(/`(test\/[^`]+\.ts)` › (.+?)(?=<br>| \|)/g)].map(([, file = "", words = ""]) => ({ file, words }));
const namedIn = (page: string) => rowsOf(page).flatMap(testsIn);

/** First arguments of `test`, `describe` and their kin, also behind a table: `test.each(…)("…"`. */
const titlesOf = (file: string): string[] =>
  [...read(file).matchAll(/(?:\b(?:test|it|describe)(?:\.\w+)*|\))\(\s*(["'`])((?:\\.|(?!\1)[\s\S])*)\1/g)].map(
    ([, , title = ""]) => title,
  );

const pages = ["docs/specification.md", "docs/earlier-faults.md"];

test.each(pages)("each test that %s names is there", (page) => {
  const named = namedIn(page);
  expect(named.length).toBeGreaterThan(40);
  const missing = named.filter(
    ({ file, words }) => !existsSync(join(root, file)) || !titlesOf(file).some((title) => title.includes(words)),
  );
  expect(missing).toEqual([]);
});

test.each(pages)("each row of %s names a test, or says what it waits for", (page) => {
  const bare = rowsOf(page).filter((row) => !row.includes("` › ") && !/later|comes with/i.test(row));
  expect(bare).toEqual([]);
});

test("every fault has its row, once", () => {
  const blocks = [
    [1, 29],
    [30, 40],
    [50, 63],
    [70, 82],
    [90, 103],
  ] as const;
  const all = blocks.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, n) => `W-${String(from + n).padStart(2, "0")}`),
  );
  expect(rowsOf("docs/earlier-faults.md").map((row) => row.split(" ")[1])).toEqual(all);
});

test("of each fault up to W-82 a test that its row shows names the row", () => {
  const page = rowsOf("docs/earlier-faults.md").map((row) => ({ row, id: row.split(" ")[1] ?? "" }));
  const unnamed = page.filter(({ row, id }) => {
    const titles = testsIn(row).flatMap(({ file, words }) => titlesOf(file).filter((title) => title.includes(words)));
    return Number(id.slice(2)) <= 82 && !titles.some((title) => title.match(/W-\d+/g)?.includes(id));
  });
  expect(unnamed.map(({ id }) => id)).toEqual([]);
});

test("what claims a row of the earlier faults in its title has that row", () => {
  const faults = rowsOf("docs/earlier-faults.md").map((row) => row.split(" ")[1] ?? "");
  const claimed = namedIn("docs/earlier-faults.md").flatMap(({ words }) => words.match(/W-\d+/g) ?? []);
  expect(claimed.filter((row) => !faults.includes(row))).toEqual([]);
});
