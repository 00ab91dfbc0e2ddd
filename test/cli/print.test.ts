import { expect, test } from "vitest";
import { bytes, dollars, duration, plural } from "../../cli/amount.ts";
import { cut, harmless, printer, table } from "../../cli/print.ts";
import { renderEvent } from "../../cli/render-event.ts";
import { eventTypes } from "../../shared/event.ts";

const plain = printer({ out: { write: () => true }, err: { write: () => true }, env: {} });

test("text of a job cannot steer a terminal", () => {
  const evil = "a\u001b]0;title\u0007b\u001b[2Jc\u009b31md\u202ee\r\nf\u0000g\th";
  expect(harmless(evil)).toBe("abcde\nfg\th");
  expect(cut(evil, 100)).toBe("abcde fg h");
  expect(cut("123456789", 5)).toBe("1234…");
});

test("columns line up, and the last one fits the width", () => {
  expect(
    table(
      [
        ["A", "LONG", "TEXT"],
        ["bbb", "c", "d".repeat(50)],
      ],
      24,
    ),
  ).toBe(`A    LONG  TEXT\nbbb  c     ${"d".repeat(12)}…`);
});

test("amounts are short and exact enough", () => {
  expect([40, 9_940, 59_999, 60_000, 3_600_000, 90_000_000].map(duration)).toEqual([
    "0.0 s",
    "9.9 s",
    "59 s",
    "1 m 0 s",
    "1 h 0 m",
    "1 d 1 h",
  ]);
  expect([0.0004, 0.0999, 0.5, 12.345].map(dollars)).toEqual(["$0.0004", "$0.0999", "$0.50", "$12.35"]);
  expect([0, 1023, 1536, 5 * 2 ** 30].map(bytes)).toEqual(["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]);
  expect([plural(1, "file"), plural(2, "file")]).toEqual(["1 file", "2 files"]);
});

test.each(eventTypes)(
  "an event %s with nothing in it, or with hostile words, is a line without control characters",
  (type) => {
    const words = [
      "text",
      "tool",
      "input",
      "output",
      "error",
      "reason",
      "url",
      "branch",
      "phase",
      "sentence",
      "pod_name",
    ];
    const hostile = Object.fromEntries(words.map((word) => [word, "\u001b[31mred\u0007"]));
    for (const data of [{}, hostile]) {
      const event = { id: "1", type, at: "2026-03-01T12:00:00.000Z", attempt: 1, data };
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
      expect(renderEvent(event, plain) ?? "").not.toMatch(/[\u0000-\u0009\u000b-\u001f]|undefined|NaN/);
    }
  },
);
