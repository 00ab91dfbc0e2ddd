import { boxQueue } from "../shared/box-queue.ts";
import { AppError } from "../shared/error.ts";
import { isTerminal, type Job, JobId, type JobRequest } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { CleanupRequest, PrepareRequest, Worktree, WorktreeRecord } from "../shared/worktree.ts";
import { cleanupJob, prepareJob } from "../shared/worktree-job.ts";
import type { Caller } from "./asked.ts";
import { checkReach, isInReach } from "./auth/reach.ts";
import { requireScope } from "./auth/scope.ts";
import type { ApiDeps } from "./deps.ts";
import { checkPlace } from "./submission.ts";

type Asking = Readonly<{ caller: Caller }>;

/**
 * Queues a job that makes a worktree for later jobs; its id is the worktree's.
 * @throws AppError `invalid_request`, `repo_not_allowed`.
 */
export async function prepareWorktree(deps: ApiDeps, asked: PrepareRequest, { caller }: Asking): Promise<Job> {
  const { store, settings } = deps;
  requireScope(caller, "submit");
  const repo = checkPlace(asked, settings);
  checkReach(caller, { repo, pool: asked.pool });
  const { job } = await store.submit({
    job: prepareJob({ ...newFacts(deps), pool: asked.pool }, asked),
    tenant: caller.tenant,
    queueTtlSeconds: settings.queueTtlSeconds,
    ...(repo ? { repoKey: repo.canonical } : {}),
  });
  return job;
}

/** @throws AppError `not_found`, also for what is no identifier and for what another tenant owns. */
export async function getWorktree(deps: ApiDeps, id: string, asking: Asking): Promise<Worktree> {
  requireScope(asking.caller, "read");
  return worktreeOf(deps, id, asking);
}

/** The same for who is about to do something with it. */
export async function worktreeOf({ store }: ApiDeps, id: string, { caller }: Asking): Promise<Worktree> {
  const job = JobId.safeParse(id.toLowerCase());
  if (!job.success) throw noWorktree(id);
  const record = await store.findWorktree(job.data, caller.tenant);
  if (record) return seen(record);
  const preparing = await store.get(job.data, caller.tenant);
  if (preparing?.kind !== "prepare") throw noWorktree(id);
  return asWorktree(preparing);
}

/** Newest first, without those that were removed. */
export async function listWorktrees({ store }: ApiDeps, { caller }: Asking): Promise<readonly Worktree[]> {
  requireScope(caller, "read");
  return (await store.listWorktrees({ tenant: caller.tenant })).map(seen);
}

/**
 * Queues jobs that remove worktrees, one for each box. What is asked for by age leaves out those in use, those that are not for
 * this key, and without `force` those with work that was not pushed.
 * @throws AppError, and then nothing is queued: `not_found`, `worktree_in_use`, `conflict` for work that was not pushed; as `checkReach`.
 */
export async function cleanupWorktrees(
  deps: ApiDeps,
  { worktree_ids, max_age_hours = 0, force }: CleanupRequest,
  { caller }: Asking,
): Promise<readonly Job[]> {
  requireScope(caller, "submit");
  const { store, clock, settings } = deps;
  const all = await store.listWorktrees({ tenant: caller.tenant });
  const isOld = ({ used_at }: WorktreeRecord) => clock.now() - Date.parse(used_at) >= max_age_hours * 3_600_000;
  const chosen = worktree_ids
    ? worktree_ids.map((id) => removable(all, { id, force }))
    : all.filter((tree) => isRemovable(tree, force) && isOld(tree) && isInReach(caller, placeOf(tree)));
  for (const tree of chosen) checkReach(caller, placeOf(tree));
  const places = Map.groupBy(chosen, ({ pool, box = "" }) => boxQueue(pool, box));
  const jobs: Job[] = [];
  for (const [queue, trees] of places) {
    const ids = [...new Set(trees.map(({ id }) => id))];
    const job = cleanupJob({ ...newFacts(deps), pool: trees[0]?.pool ?? "default" }, { ids, force });
    const { queueTtlSeconds } = settings;
    jobs.push((await store.submit({ job, tenant: caller.tenant, queueTtlSeconds, queue })).job);
  }
  return jobs;
}

/** What a job with a prepared worktree is asked for, with what the worktree says; and where it waits. */
export async function inWorktree(
  { store }: ApiDeps,
  request: JobRequest & Readonly<{ worktree_id: string }>,
  caller: Caller,
): Promise<Readonly<{ request: JobRequest; queue: string }>> {
  const { worktree_id: id } = request;
  const tree = await store.findWorktree(id, caller.tenant);
  if (!tree || tree.status === "removed") throw noWorktree(id, "worktree_id");
  const { repo_url, base_ref, pool, box = "" } = tree;
  if (request.repo_url !== undefined && parseRepoUrl(request.repo_url).canonical !== tree.repo_key)
    throw differs("repo_url", `The worktree ${id} is of ${repo_url}.`);
  if (request.base_ref !== undefined && request.base_ref !== base_ref)
    throw differs("base_ref", `The worktree ${id} began at ${base_ref}.`);
  const place = { repo_url, pool, ...(base_ref === undefined ? {} : { base_ref }) };
  return { request: { ...request, ...place }, queue: boxQueue(pool, box) };
}

const newFacts = ({ clock, settings, newId }: ApiDeps) => ({
  id: JobId.parse(newId()),
  now: clock.now(),
  profile: settings.defaultProfile,
  maxAttempts: settings.maxAttempts,
  ttlSeconds: settings.jobTtlSeconds,
});

const placeOf = ({ repo_url, pool }: WorktreeRecord) => ({ repo: parseRepoUrl(repo_url), pool });

const seen = ({ tenant, repo_key, ...worktree }: WorktreeRecord): Worktree => worktree;

/** One whose preparation no runner has begun. */
const asWorktree = ({ id, repo_url = "", base_ref, pool, status, error, created_at }: Job): Worktree => ({
  ...{ id, repo_url, pool, job: id, pushed: true, created_at, used_at: created_at },
  status: isTerminal(status) ? "failed" : "preparing",
  ...(base_ref === undefined ? {} : { base_ref }),
  ...(error === undefined ? {} : { error }),
});

type Removal = Readonly<{ id: string; force: boolean }>;

const isRemovable = ({ status, pushed }: WorktreeRecord, force: boolean): boolean =>
  (status === "ready" || status === "failed") && (pushed || force);

function removable(all: readonly WorktreeRecord[], { id, force }: Removal): WorktreeRecord {
  const tree = all.find((each) => each.id === id.toLowerCase());
  if (!tree) throw noWorktree(id, "worktree_ids");
  const errors = [{ path: "worktree_ids", message: `${id} cannot be removed` }];
  if (tree.status === "in_use" || tree.status === "preparing")
    throw new AppError("worktree_in_use", `The worktree ${id} is in use by job ${tree.job}.`, { errors });
  if (isRemovable(tree, force)) return tree;
  throw new AppError("conflict", `The worktree ${id} has work that was not pushed.`, {
    remedy: "Run a job there that pushes it, or remove it with `force`, which loses that work.",
    errors,
  });
}

const noWorktree = (id: string, path?: string): AppError =>
  new AppError("not_found", `There is no worktree ${id}.`, {
    remedy: "`GET /worktrees` lists those that there are.",
    ...(path === undefined ? {} : { errors: [{ path, message: "no such worktree" }] }),
  });

const differs = (path: string, sentence: string): AppError =>
  new AppError("invalid_request", sentence, {
    remedy: `Leave \`${path}\` out, or prepare another worktree.`,
    errors: [{ path, message: "is not the worktree's" }],
  });
