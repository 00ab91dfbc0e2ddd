import { stripVTControlCharacters } from "node:util";
import colors from "picocolors";

/** The part of a standard stream that is written to. */
export type Output = Readonly<{
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}>;
export type Paint = ReturnType<typeof colors.createColors>;

/** All writing of the CLI: data to standard output, everything said to a person to standard error. */
export type Print = Readonly<{
  data(text: string): void;
  json(value: unknown): void;
  note(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** One line that overwrites itself on a terminal and is nothing elsewhere; `undefined` takes it away. */
  progress(text: string | undefined): void;
  /** Colours for standard output. */
  paint: Paint;
  /** Columns of standard output; unlimited where it is no terminal. */
  width: number;
  /** Whether `progress` shows anything. */
  hasProgress: boolean;
}>;

type Streams = Readonly<{ out: Output; err: Output; env: Readonly<Record<string, string | undefined>> }>;

export function printer({ out, err, env }: Streams): Print {
  const colored = (stream: Output) => colors.createColors(stream.isTTY === true && !isSet(env["NO_COLOR"]));
  const [paint, ink] = [colored(out), colored(err)];
  const hasProgress = err.isTTY === true && env["TERM"] !== "dumb";
  let shown = false;
  const clear = () => {
    if (shown) err.write("\r\x1b[2K");
    shown = false;
  };
  const line = (to: Output, text: string) => {
    clear();
    to.write(`${text}\n`);
  };
  return {
    data: (text) => line(out, text),
    json: (value) => line(out, JSON.stringify(value, undefined, out.isTTY ? 2 : undefined)),
    note: (text) => line(err, text),
    warn: (text) => line(err, `${ink.yellow("warning:")} ${text}`),
    error: (text) => line(err, `${ink.red("error:")} ${text}`),
    progress: (text) => {
      if (!hasProgress) return;
      clear();
      if (text === undefined) return;
      err.write(ink.dim(cut(text, (err.columns ?? 80) - 1)));
      shown = true;
    },
    paint,
    width: out.isTTY === true ? (out.columns ?? 80) : Number.POSITIVE_INFINITY,
    hasProgress,
  };
}

/** https://no-color.org: present and not empty. */
const isSet = (value: string | undefined) => value !== undefined && value !== "";

/**
 * Text from a job as a terminal may show it: an agent must not move the cursor, set titles or hide words.
 * Control characters but tab and newline go, and so do the marks that reverse reading order (Unicode TR 36, 2.6).
 */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/\r\n?/g, "\n")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");

/** The text on one line, at most `width` characters. */
export function cut(text: string, width: number): string {
  const flat = harmless(text).replace(/\s+/g, " ").trim();
  return flat.length <= width ? flat : `${flat.slice(0, Math.max(0, width - 1))}…`;
}

/** Rows in columns, two spaces apart; the last one takes what is left of `width`. */
export function table(rows: readonly (readonly string[])[], width: number): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) => {
      const head = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column] ?? 0));
      const left = width - head.reduce((sum, cell) => sum + cell.length + 2, 0);
      return [...head, cut(row.at(-1) ?? "", Math.max(8, left))].join("  ").trimEnd();
    })
    .join("\n");
}

/** The same below bold heads. */
export function headedTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  { paint, width }: Pick<Print, "paint" | "width">,
): string {
  const [head = "", ...lines] = table([heads, ...rows], width).split("\n");
  return [paint.bold(head), ...lines].join("\n");
}
