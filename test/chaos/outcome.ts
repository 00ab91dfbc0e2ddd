import { renderTable } from "../../bench/report.ts";
import type { Recovery } from "./recovery.ts";
import type { FaultCounts } from "./storm.ts";

/** What one run has shown. */
export type Outcome = Readonly<{
  seed: number;
  durationMs: number;
  jobs: number;
  /** How the jobs ended: how many of each status. */
  endings: Readonly<Record<string, number>>;
  attempts: number;
  /** Processes of Claude that were started. */
  starts: number;
  /** Work that an earlier attempt had done already, one behind the other. */
  repeated: number;
  faults: FaultCounts;
  requests: Readonly<{ answers: number; failures: number }>;
  /** Requests on their way to the store: how many met which fate. */
  fates: Readonly<Record<string, number>>;
  recovery: Recovery;
  /** What may not be, each case by its rule: all empty, or something is broken. */
  faulty: Readonly<Record<string, readonly string[]>>;
}>;

export const isSound = ({ faulty }: Outcome): boolean => Object.values(faulty).every((cases) => cases.length === 0);

/** For a terminal, and for whoever reads why a test failed. */
export function renderOutcome(outcome: Outcome): string {
  const { seed, durationMs, jobs, endings, attempts, starts, repeated, faults, requests, fates, recovery, faulty } =
    outcome;
  const { restarted, gone } = recovery;
  const facts = [
    ["seed", String(seed)],
    ["minutes of faults", (durationMs / 60_000).toFixed(1)],
    [
      "jobs",
      `${jobs} (${Object.entries(endings)
        .map(([status, count]) => `${count} ${status}`)
        .join(", ")})`,
    ],
    ["attempts, and Claudes started", `${attempts}, ${starts}`],
    ["finished work repeated sequentially", String(repeated)],
    ["requests of clients, and failed ones", `${requests.answers}, ${requests.failures}`],
    [
      "requests to the store",
      Object.entries(fates)
        .map(([fate, count]) => `${count} ${fate}`)
        .join(", "),
    ],
    ["kill -9 of a runner that comes back: its job runs again after, ms", restarted.join(", ")],
    ["kill -9 of a runner that stays away: the same", gone.join(", ")],
  ];
  const cases = Object.values(faulty).flatMap((found) => found.slice(0, 10));
  return [
    renderTable({ head: ["chaos", ""], rows: facts }),
    renderTable({
      head: ["fault", "inflicted", "nobody there"],
      rows: [...faults].map(([kind, { done, missed }]) => [kind, String(done), String(missed)]),
    }),
    renderTable({
      head: ["must be 0", ""],
      rows: Object.entries(faulty).map(([rule, found]) => [rule, String(found.length)]),
    }),
    ...cases,
  ].join("\n\n");
}
