import type { BudgetOrder } from "../shared/budget.ts";
import { iso } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import type { Job, JobRequest } from "../shared/job.ts";
import type { BudgetView } from "../shared/reply.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { Caller } from "./asked.ts";
import type { ApiDeps, ApiSettings } from "./deps.ts";

/** What is held for a job that has no budget of its own. */
const defaultReserveUsd = 5;

/** A job that names no budget gets what one job may cost. @throws AppError `invalid_request` where it names more. */
export function withJobBudget<R extends Pick<JobRequest, "max_budget_usd">>(request: R, { budgets }: ApiSettings): R {
  const most = budgets?.perJob;
  if (most === undefined) return request;
  const { max_budget_usd = most } = request;
  if (max_budget_usd <= most) return { ...request, max_budget_usd };
  const message = `must be at most ${most}`;
  throw new AppError("invalid_request", `The request is not valid: max_budget_usd: ${message}`, {
    errors: [{ path: "max_budget_usd", message }],
  });
}

type Whose = Readonly<{ caller: Pick<Caller, "tenant" | "key">; repo?: string | undefined }>;
type Limit = Readonly<{ kind: BudgetView["budget"]; name: string; limitUsd: number; repo?: string }>;

/** The budgets that a job of this caller on this repository takes from today. */
function limitsOf({ settings, clock }: ApiDeps, { caller, repo }: Whose): Limit[] {
  const { total, perKey, perRepo } = settings.budgets ?? {};
  if (total === undefined && perKey === undefined && perRepo === undefined) return [];
  const day = iso(clock.now()).slice(0, 10);
  return [
    ...(total === undefined ? [] : [{ kind: "total" as const, name: `total/${day}`, limitUsd: total }]),
    ...(perKey === undefined
      ? []
      : [{ kind: "key" as const, name: `key/${caller.key ?? caller.tenant}/${day}`, limitUsd: perKey }]),
    ...(perRepo === undefined || repo === undefined
      ? []
      : [{ kind: "repo" as const, name: `repo/${repo}/${day}`, limitUsd: perRepo, repo }]),
  ];
}

/** That of all jobs, where there is one. */
export const totalBudget = (deps: ApiDeps): readonly Readonly<{ name: string; limitUsd: number }>[] =>
  limitsOf(deps, { caller: { tenant: "" } }).filter(({ kind }) => kind === "total");

/** What the job holds of each until it has ended: what it may still cost. */
export function budgetOrders(
  deps: ApiDeps,
  job: Pick<Job, "kind" | "max_budget_usd" | "cost_usd" | "repo_url">,
  caller: Caller,
): readonly BudgetOrder[] {
  if (job.kind !== "task") return []; // no Claude, no cost
  const { max_budget_usd, cost_usd = 0, repo_url } = job;
  const reserveUsd = max_budget_usd === undefined ? defaultReserveUsd : Math.max(0, max_budget_usd - cost_usd);
  const repo = repo_url === undefined ? undefined : parseRepoUrl(repo_url).canonical;
  return limitsOf(deps, { caller, repo }).map(({ name, limitUsd }) => ({ name, limitUsd, reserveUsd }));
}

/** What is left today of the caller's budgets, of all jobs' and of this repository's. @throws AppError `invalid_request`. */
export async function listBudgets(deps: ApiDeps, repoUrl: string | undefined, caller: Caller): Promise<BudgetView[]> {
  const repo = repoUrl === undefined ? undefined : parseRepoUrl(repoUrl).canonical;
  const limits = limitsOf(deps, { caller, repo });
  const states = await deps.store.budgets(limits.map(({ name }) => name));
  return limits.map(({ kind, limitUsd, repo: of }, n) => {
    const { spentUsd = 0, reservedUsd = 0 } = states[n] ?? {};
    return {
      ...{ budget: kind, ...(of === undefined ? {} : { repository: of }), limit_usd: limitUsd },
      ...{ spent_usd: spentUsd, reserved_usd: reservedUsd },
      left_usd: Math.max(0, Number((limitUsd - spentUsd - reservedUsd).toFixed(6))),
    };
  });
}

/** The day whose budgets count now, and when the next ones begin. */
export function budgetDay({ clock }: ApiDeps): Readonly<{ day: string; frees_at: string }> {
  const day = iso(clock.now()).slice(0, 10);
  return { day, frees_at: iso(Date.parse(`${day}T00:00:00Z`) + 24 * 3_600_000) };
}
