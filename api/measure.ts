import type { BudgetState } from "../shared/budget.ts";
import { isStoreAway } from "../shared/error.ts";
import { totalBudget } from "./budgets.ts";
import type { ApiDeps } from "./deps.ts";
import type { Measured } from "./metrics.ts";
import { inTime } from "./readiness.ts";

/** What there is to measure now. A store that is away takes nothing from what this process knows itself. */
export async function measure(deps: ApiDeps): Promise<Measured> {
  const { store, clock, version, outlook } = deps;
  const total = totalBudget(deps);
  const asked = Promise.all([
    store.counts(),
    store.runners(),
    store.budgets(total.map(({ name }) => name)),
    store.noticeCounts(),
  ]);
  const answer = await inTime(asked, clock).catch((error: unknown) => {
    if (isStoreAway(error)) return undefined;
    throw error;
  });
  const spooled = await outlook?.spooled?.();
  return {
    version,
    storeErrors: outlook?.storeErrors() ?? {},
    ...(answer
      ? { store: { counts: answer[0], runners: answer[1], budgets: withLimits(total, answer[2]), notices: answer[3] } }
      : {}),
    ...(spooled ? { spooled } : {}),
  };
}

const withLimits = (limits: ReturnType<typeof totalBudget>, states: readonly BudgetState[]) =>
  limits.flatMap(({ limitUsd }, n) => (states[n] ? [{ ...states[n], limitUsd }] : []));
