import type { Job, Usage } from "../shared/job.ts";
import { spent } from "./conclude.ts";
import type { LeaseKeeper } from "./keep-lease.ts";

type Own = Readonly<{ cost_usd: number; usage: Usage }>;

type Budget = Readonly<{ usd?: number | undefined; onNear?: () => void }>;

/** The share of the budget at which the job says that it nears its end. */
const warnedAt = 0.8;

/**
 * Puts on the job what it has cost so far, over all its attempts. Two sources count the same spending, Claude's log
 * events and its results: what one has told already, or not yet counted, is not told again. Near the end of the budget
 * `budget.warned`, once a job, and `onNear`, once in each attempt that comes there or begins there.
 */
export function tellUsage(
  job: Job,
  keeper: Pick<LeaseKeeper, "patch" | "emit">,
  { usd: budgetUsd, onNear = () => undefined }: Budget = {},
): (own: Own) => void {
  let told: Own | undefined;
  const isNear = (cost?: number) => budgetUsd !== undefined && (cost ?? 0) >= warnedAt * budgetUsd;
  let warned = isNear(job.cost_usd);
  if (warned) onNear();
  return (own) => {
    if (told && !isMore(own, told)) return;
    told = own;
    const { cost_usd = 0, usage = own.usage, ...rest } = spent(job, own);
    keeper.patch({ cost_usd, usage, ...rest });
    keeper.emit({ type: "usage.updated", data: { cost_usd, usage } });
    if (warned || budgetUsd === undefined || !isNear(cost_usd)) return;
    warned = true;
    onNear();
    keeper.emit({ type: "budget.warned", data: { cost_usd, max_budget_usd: budgetUsd } });
  };
}

/** Some models cost nothing: then the tokens tell. */
const isMore = (now: Own, before: Own): boolean =>
  now.cost_usd > before.cost_usd || (now.cost_usd === before.cost_usd && tokens(now.usage) > tokens(before.usage));

const tokens = (usage: Usage): number => Object.values(usage).reduce((sum, count) => sum + count, 0);
