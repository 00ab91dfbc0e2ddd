import { expect, test } from "vitest";
import { replaceSection } from "../../bench/document.ts";
import { figure, isMet, renderReport, renderTable, spreadText } from "../../bench/report.ts";
import { parseCommand } from "../../bench/ten-jobs.ts";

test("a table is Markdown with numbers to the right", () => {
  expect(
    renderTable({
      head: ["side", "ms"],
      rows: [
        ["bare git", "1,234"],
        ["pool", "9"],
      ],
    }),
  ).toBe("| side     |    ms |\n|----------|------:|\n| bare git | 1,234 |\n| pool     |     9 |");
});

test("figures have the digits that count", () => {
  expect([0, 0.0123, 0.3468, 1.1, 12.44, 123.4, 28_683].map(figure)).toEqual([
    "0",
    "0.0123",
    "0.347",
    "1.10",
    "12.4",
    "123",
    "28,683",
  ]);
  expect(spreadText({ median: 12.44, min: 9, max: 100, count: 3 })).toBe("12.4 (9.00-100)");
});

test("what had to be reached and was not is said", () => {
  const missed = { what: "memory", limit: 60, reached: 61, unit: "MB" };
  expect([isMet(missed), isMet({ ...missed, reached: 60 })]).toEqual([false, true]);
  const slow = { what: "speed", limit: 1.3, reached: 1.2, atLeast: true } as const;
  expect([isMet(slow), isMet({ ...slow, reached: 1.3 })]).toEqual([false, true]);
  expect(renderReport({ text: "", tables: [], goals: [slow] })).toContain("| at least 1.30 |");
  const text = renderReport({ text: "Memory.", tables: [], goals: [missed] });
  expect(text).toContain("| memory     | 60.0 MB | 61.0 MB | **missed** |");
});

test("a run replaces its own section of the page and nothing else", () => {
  const page = "# Title\n<!-- bench:a -->\nold\n<!-- /bench:a -->\n<!-- bench:b -->\nstays\n<!-- /bench:b -->\n";
  const once = replaceSection(page, "a", "new\n");
  expect(once).toBe("# Title\n<!-- bench:a -->\nnew\n<!-- /bench:a -->\n<!-- bench:b -->\nstays\n<!-- /bench:b -->\n");
  expect(replaceSection(once, "a", "new")).toBe(once);
  expect(() => replaceSection(page, "c", "new")).toThrow("no place for `c`");
});

test("git's commands are told from its options", () => {
  expect(parseCommand("0 -c core.hooksPath=/dev/null -c a=b fetch --quiet url")).toEqual({ code: 0, name: "fetch" });
  expect(parseCommand("128 ls-remote --symref x")).toEqual({ code: 128, name: "ls-remote" });
});
