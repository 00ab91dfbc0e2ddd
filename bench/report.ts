import type { Spread } from "./statistics.ts";

export type Table = Readonly<{ head: readonly string[]; rows: readonly (readonly string[])[] }>;

/** Something that has to be reached, and what was: both in `unit`. At most the limit, or at least. */
export type Goal = Readonly<{ what: string; limit: number; reached: number; unit?: string; atLeast?: true }>;

/** What one benchmark found. */
export type Report = Readonly<{
  /** What was measured and how, for a reader of the table. */
  text: string;
  tables: readonly Table[];
  goals: readonly Goal[];
}>;

export const isMet = ({ limit, reached, atLeast }: Goal): boolean => (atLeast ? reached >= limit : reached <= limit);

/** The report as Markdown that also reads well in a terminal. */
export const renderReport = ({ text, tables, goals }: Report): string =>
  [text, ...tables.map(renderTable), ...(goals.length === 0 ? [] : [renderTable(goalTable(goals))])].join("\n\n");

const goalTable = (goals: readonly Goal[]): Table => ({
  head: ["must reach", "at most", "reached", ""],
  rows: goals.map((goal) => [
    goal.what,
    `${goal.atLeast ? "at least " : ""}${withUnit(goal.limit, goal.unit)}`,
    withUnit(goal.reached, goal.unit),
    isMet(goal) ? "yes" : "**missed**",
  ]),
});

const withUnit = (value: number, unit = ""): string => `${figure(value)}${unit === "" ? "" : ` ${unit}`}`;

/** Text in the first column, numbers to the right in all others. */
export function renderTable({ head, rows }: Table): string {
  const widths = head.map((name, column) => Math.max(3, name.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (column === 0 ? (cells[column] ?? "").padEnd(width) : (cells[column] ?? "").padStart(width))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? `${"-".repeat(width + 2)}` : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Three digits that count: 0.347, 12.4, 1,204. */
export function figure(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 2) });
}

/** `12.4 (11.9-15.0)`: median, smallest and largest. */
export const spreadText = ({ median, min, max }: Spread): string => `${figure(median)} (${figure(min)}-${figure(max)})`;
