import type { Clock } from "../shared/clock.ts";
import type { Print } from "./print.ts";

/** What commands may touch of the machine; `main.ts` makes it once. */
export type CliContext = Readonly<{
  print: Print;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  hostName: string;
  version: string;
  /** The folder of this package. */
  root: string;
  /** The npm or npx that started this process, as it was then. */
  launcher?: string | undefined;
  clock: Clock;
  fetch: typeof fetch;
  /** All of standard input. */
  readInput(): Promise<string>;
  /** Calls back on each of the signals until the disposer is called. */
  onSignal(signals: readonly NodeJS.Signals[], act: (signal: NodeJS.Signals) => void): () => void;
}>;
