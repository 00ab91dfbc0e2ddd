import type { Report } from "./report.ts";

/** What a benchmark is run with. */
export type Stage = Readonly<{
  /** A folder of its own, which is removed afterwards. */
  folder: string;
  /** How often each side is measured; undefined: as often as the benchmark finds right. */
  rounds: number | undefined;
  /** How long each round lasts, where that is to be chosen; undefined: as long as the benchmark finds right. */
  minutes: number | undefined;
  /** Says what is being done: these take minutes. */
  note: (line: string) => void;
}>;

export type Bench = (stage: Stage) => Promise<Report>;
