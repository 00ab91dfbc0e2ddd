import { expect, test } from "vitest";
import { compilePattern } from "../../shared/pattern.ts";

const texts = [
  ...["", "a", "aaaa", "ab", "abab", "abc", "ABC", "b", "xaby", "foo bar", "foo\nbar", "a.b", "a1", "12", "_"],
  ...["Review it", "please review", "reviewer", "docs: mend", "ünï", "😀", "x😀y", "ſ", "K", "-", "]", "aXbXc", "aab"],
];

test.each([
  "a",
  "^a$",
  "^(review|look at)\\b",
  "\\breview\\b",
  "\\Bview",
  "a|b|",
  "(?:ab)+$",
  "^(a|ab)(c|bcd)?$",
  "(a*)*b",
  "(a?){3}",
  "^a{2,3}$",
  "^a{2,}$",
  "^(?:a{1,2}){2}$",
  "^a{0}$",
  "[^a-c]",
  "[\\]\\w-]",
  "^.$",
  "foo.bar",
  "foo\\sbar",
  "\\d+",
  "\\p{Emoji_Presentation}",
  "\\u{1F600}",
  "\\uD83D\\uDE00",
  "\\x61\\.b",
  "(?<name>a)b",
  "a+?b",
  "^$",
  "$^",
  "k",
  "s",
  "\\w",
  "()",
  "(|a)+",
  "(^a|b$)",
])("finds what JavaScript finds: %s", (source) => {
  const theirs = new RegExp(source, "iu");
  const pattern = compilePattern(source);
  for (const text of texts) expect([text, pattern(text)]).toEqual([text, theirs.test(text)]);
});

test.each([
  ["(a+)+$", false],
  ["(a|a)*$", true],
  ["(a|aa)+$", false],
  ["(.*)*x", false],
  ["^(\\w+\\s?)*$", false],
  ["a*a*a*a*a*a*a*b", false],
  ["(?:a?){120}a{120}b", false],
])("no text makes it slow: %s", (source, found) => {
  const begun = performance.now();
  expect(compilePattern(source)(`${"a".repeat(16_000)}!`)).toBe(found);
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test("of a long text the beginning is searched, and its end is not taken for the text's", () => {
  const long = "a".repeat(20_000);
  expect(compilePattern("aab")(`${long}b`)).toBe(false);
  expect(compilePattern("a$")(long)).toBe(false);
  expect(compilePattern("^a")(long)).toBe(true);
});

test.each([
  "(",
  "a{2,1}",
  "[",
  "\\1(a)",
  "(?=a)",
  "(?!a)",
  "(?<=a)b",
  "(?<n>a)\\k<n>",
  "(?i:a)",
  "a{501}",
  "(a{30}){30}",
])("what cannot be searched for in that time is refused: %s", (source) => {
  expect(() => compilePattern(source)).toThrow(SyntaxError);
});
