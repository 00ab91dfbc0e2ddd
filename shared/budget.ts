import { z } from "zod";
import { AppError } from "./error.ts";

/**
 * Money that a job takes out of a budget of one day while it lives. `name` ends with that day in UTC (`total/2026-03-01`):
 * each day has budgets of its own.
 */
export const BudgetOrder = z.object({
  name: z.string().min(1).max(2_400),
  limitUsd: z.number().nonnegative(),
  reserveUsd: z.number().nonnegative(),
});
export type BudgetOrder = Readonly<z.infer<typeof BudgetOrder>>;

/** Money that may be spent in a day (UTC), and by one job; US dollars. What is absent has no limit. */
export type Budgets = Readonly<{ total?: number; perKey?: number; perRepo?: number; perJob?: number }>;

/** What of a budget is gone, and what jobs that have not ended may still take. US dollars. */
export type BudgetState = Readonly<{ name: string; spentUsd: number; reservedUsd: number }>;

/** A budget is remembered for so long: jobs that took from it have ended by then. */
export const budgetMemoryMs = 8 * 24 * 3_600_000;

/** Money is counted in millionths, so that sums are exact. */
export const toMicros = (usd: number): number => Math.round(usd * 1e6);
export const toUsd = (micros: number): number => micros / 1e6;

/** A job that a budget has no room for. Nothing was stored. */
export class BudgetUsedUp extends AppError {
  readonly budget: string;
  /** When the next day's budget begins, RFC 3339. */
  readonly freeAt: string;
  constructor({ name, limitUsd, reserveUsd }: BudgetOrder, { spentUsd, reservedUsd }: Omit<BudgetState, "name">) {
    const day = name.slice(-10);
    const freeAt = `${dayAfter(day)}T00:00:00Z`;
    super(
      "rate_limited",
      `The budget ${whose(name)} for ${day} has no room for this job, which may take ${usd(reserveUsd)}: of ${usd(limitUsd)} it has spent ${usd(spentUsd)} and holds ${usd(reservedUsd)} for jobs that have not ended.`,
      {
        remedy: `Submit it again at ${freeAt}, or when other jobs have ended; or give it a smaller max_budget_usd.`,
      },
    );
    this.name = "BudgetUsedUp";
    this.budget = name;
    this.freeAt = freeAt;
  }
}

/** `key/{tenant}/{day}`, `repo/{canonical address}/{day}`, `total/{day}`. Whose key it is the caller knows. */
function whose(name: string): string {
  const [kind, ...rest] = name.slice(0, -11).split("/");
  if (kind === "key") return "of this API key";
  return kind === "repo" ? `of the repository ${rest.join("/")}` : "of all jobs";
}

const usd = (amount: number): string => `${Number(amount.toFixed(6))} USD`;
const dayAfter = (day: string): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + 24 * 3_600_000).toISOString().slice(0, 10);
