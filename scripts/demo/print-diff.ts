import { harmless, type Paint } from "../../cli/print.ts";

/** A unified diff in colours, without what could disturb a terminal. */
export const paintDiff = (diff: string, paint: Paint): string =>
  harmless(diff)
    .split("\n")
    .map((line) => colourOf(line, paint)(line))
    .join("\n");

function colourOf(line: string, paint: Paint): (text: string) => string {
  if (/^(diff|index|---|\+\+\+)/.test(line)) return paint.bold;
  if (line.startsWith("@@")) return paint.cyan;
  if (line.startsWith("+")) return paint.green;
  return line.startsWith("-") ? paint.red : (text) => text;
}
