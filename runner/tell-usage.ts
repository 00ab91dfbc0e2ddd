import type { Job, Usage } from "../shared/job.ts";
import { spent } from "./conclude.ts";
import type { LeaseKeeper } from "./keep-lease.ts";

type Own = Readonly<{ cost_usd: number; usage: Usage }>;

/**
 * Puts on the job what it has cost so far, over all its attempts. Two sources count the same spending, Claude's log
 * events and its results: what one has told already, or not yet counted, is not told again.
 */
export function tellUsage(job: Job, keeper: Pick<LeaseKeeper, "patch" | "emit">): (own: Own) => void {
  let told: Own | undefined;
  return (own) => {
    if (told && !isMore(own, told)) return;
    told = own;
    const { cost_usd = 0, usage = own.usage, ...rest } = spent(job, own);
    keeper.patch({ cost_usd, usage, ...rest });
    keeper.emit({ type: "usage.updated", data: { cost_usd, usage } });
  };
}

/** Some models cost nothing: then the tokens tell. */
const isMore = (now: Own, before: Own): boolean =>
  now.cost_usd > before.cost_usd || (now.cost_usd === before.cost_usd && tokens(now.usage) > tokens(before.usage));

const tokens = (usage: Usage): number => Object.values(usage).reduce((sum, count) => sum + count, 0);
