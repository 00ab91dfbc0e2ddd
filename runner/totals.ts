import { counted, emptyHistogram } from "../shared/histogram.ts";
import type { Job } from "../shared/job.ts";
import type { RunnerTotals } from "../shared/store.ts";

const queueBounds = [1, 5, 15, 60, 300, 900, 3_600, 14_400];
const runBounds = [10, 30, 60, 300, 900, 1_800, 3_600, 7_200];

/** How an attempt ended, and what it took. */
export type AttemptEnd = Readonly<{ outcome: string; seconds: number; cost_usd: number }>;

/** What this runner has done since it started. */
export function openTotals() {
  let totals: RunnerTotals = {
    claims: 0,
    attempts: {},
    cost_usd: 0,
    queue_seconds: emptyHistogram(queueBounds),
    run_seconds: emptyHistogram(runBounds),
  };
  return {
    now: (): RunnerTotals => totals,
    claimed: ({ attempt, created_at, started_at }: Job): void => {
      const waited = started_at === undefined ? 0 : Date.parse(started_at) - Date.parse(created_at);
      // Of the first start only: what comes after it waits for other reasons.
      const first = attempt === 1 ? { queue_seconds: counted(totals.queue_seconds, Math.max(0, waited) / 1_000) } : {};
      totals = { ...totals, ...first, claims: totals.claims + 1 };
    },
    ended: ({ outcome, seconds, cost_usd }: AttemptEnd): void => {
      const { attempts } = totals;
      totals = {
        ...totals,
        attempts: { ...attempts, [outcome]: (attempts[outcome] ?? 0) + 1 },
        cost_usd: totals.cost_usd + Math.max(0, cost_usd),
        run_seconds: counted(totals.run_seconds, seconds),
      };
    },
  };
}
