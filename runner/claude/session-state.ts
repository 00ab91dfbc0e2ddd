import type { Checks } from "./checks.ts";
import type { ResultMessage } from "./messages.ts";

/** A message on its way: written, then echoed when Claude takes it up, then done when its turn is over. */
export type Sent = Readonly<{ state: "written" | "echoed" | "done" }>;

/** What is known of a running Claude; changed only by the functions below. */
export type Session = Readonly<{
  pid: number;
  resumed: boolean;
  started: boolean;
  /** Between a turn's `system/init` and its result. */
  inTurn: boolean;
  sent: ReadonlyMap<string, Sent>;
  /** Follow-ups whose echo came, in that order. */
  delivered: readonly string[];
  background: number;
  /** stdin is closed: nothing can be sent any more. */
  closed: boolean;
  /** The newest result; only the last one at the end of the process counts. */
  result?: ResultMessage;
  /** Turns over all results: each result counts its own message's only. */
  turns: number;
  /** The class of the newest error of the API, as Claude names it. */
  apiError?: string;
  limit?: Readonly<{ rejected: boolean; resetsAtMs?: number }>;
  denied: ReadonlyMap<string, string>;
  failedServers: readonly string[];
  lastText: string;
  checks: Checks;
  recognised: number;
  unrecognised: number;
}>;
