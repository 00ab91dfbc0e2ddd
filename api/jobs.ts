import { iso } from "../shared/clock.ts";
import { canonicalJson, sha256 } from "../shared/digest.ts";
import { AppError, isStoreAway } from "../shared/error.ts";
import { isTerminal, type Job, JobId, type JobRequest, type MessageRequest } from "../shared/job.ts";
import { HttpError } from "../shared/problem.ts";
import { defaultWaitSeconds, type SubmitRequest } from "../shared/reply.ts";
import type { RepoAddress } from "../shared/repo-url.ts";
import type { JobPage, JobQuery, NewJob, RunnerRecord, Submitted } from "../shared/store.ts";
import type { Caller } from "./asked.ts";
import { checkJobReach, checkProfileReach, checkReach, isNarrowed } from "./auth/reach.ts";
import { requireScope } from "./auth/scope.ts";
import { budgetOrders, withJobBudget } from "./budgets.ts";
import type { ApiDeps, Offer } from "./deps.ts";
import { profileQueue } from "./profile-queue.ts";
import { profilesToChoose, rememberedProfiles } from "./profiles.ts";
import { type Route, routeByModel, routeByRules } from "./route.ts";
import { checkPlace, newJob, planSubmission, type Submission } from "./submission.ts";
import { noSuchJob, waitForJob } from "./wait.ts";
import { inWorktree } from "./worktrees.ts";

/** Who asks, and a signal that aborts when they are gone. */
export type Asking = Readonly<{
  caller: Caller;
  /** Names the request in the log. */
  requestId?: string;
  signal?: AbortSignal;
  idempotencyKey?: string;
  /** Called with a submitted job as soon as it is accepted, before any wait for its end. */
  accepted?: (job: Job) => void;
}>;

/**
 * Queues a job; with `wait` stays until it ends or the seconds pass. The same idempotency key with the same
 * request (but for how long to wait) gives the same job.
 * @throws AppError, and then nothing is stored.
 */
export async function submitJob(deps: ApiDeps, asked: SubmitRequest, asking: Asking): Promise<Submitted> {
  const { settings, clock, store } = deps;
  const { wait, wait_seconds = defaultWaitSeconds, ...rest } = asked;
  requireScope(asking.caller, "submit");
  const { worktree_id, session_id } = rest;
  const priced = withJobBudget(rest, settings);
  const { request, queue } =
    worktree_id === undefined ? { request: priced } : await inWorktree(deps, { ...priced, worktree_id }, asking.caller);
  const repo = checkPlace(request, settings);
  checkReach(asking.caller, { repo, pool: request.pool });
  // Before a model is asked, which costs something.
  if (session_id !== undefined) await checkSession(deps, { session_id, repo }, asking.caller);
  const planning = plan(deps, { request, repo }, asking.caller);
  const { submission, runners } = planning instanceof Promise ? await planning : planning;
  const { pool, profile } = submission.request;
  const place = queue ?? profileQueue({ pool, profile }, runners);
  const { idempotencyKey: key, caller } = asking;
  const birth = {
    id: deps.newId() as JobId,
    now: clock.now(),
    mode: wait ? "sync" : "fire_and_forget",
    ttlSeconds: settings.jobTtlSeconds,
  } as const;
  const job = newJob(submission, birth);
  const budgets = budgetOrders(deps, job, caller);
  const fresh: NewJob = {
    job,
    ...(budgets.length === 0 ? {} : { budgets }),
    tenant: caller.tenant,
    queueTtlSeconds: settings.queueTtlSeconds,
    ...(place === undefined ? {} : { queue: place }),
    ...(submission.repo ? { repoKey: submission.repo.canonical } : {}),
  };
  const submitted = await (key === undefined
    ? store.submit(fresh)
    : submitOnce(deps, fresh, { key, body: await sha256(canonicalJson(asAsked(deps, request, submission))) }));
  asking.accepted?.(submitted.job);
  if (!wait) return submitted;
  const at = { id: submitted.job.id, caller };
  const { signal } = asking;
  const until = (job: Job) => isTerminal(job.status);
  const seen = await waitForJob(deps, at, { seconds: wait_seconds, until, ...(signal ? { signal } : {}) }).catch(
    (thrown: unknown) => {
      // It is accepted: whoever asked must learn its id, whatever becomes of the store meanwhile.
      if (isStoreAway(thrown)) return submitted.job;
      throw thrown;
    },
  );
  return { ...submitted, job: seen };
}

type Asked = Readonly<{ request: JobRequest; repo: RepoAddress | undefined }>;
type Planned = Readonly<{ submission: Submission; runners: readonly RunnerRecord[] }>;

/**
 * Waits for nobody where what is remembered settles it.
 * @throws as planSubmission does; where a profile is not known and the store is away, that says so: a runner may have it.
 */
function plan(deps: ApiDeps, { request, repo }: Asked, caller: Caller): Planned | Promise<Planned> {
  const { settings, choose } = deps;
  const { rules, defaultProfile } = settings;
  const ruled = routeByRules(request, { rules, defaultProfile, repo });
  const planned = (route: Route, { profiles, runners }: Offer): Planned => {
    checkProfileReach(caller, route.profile);
    return { submission: planSubmission(request, { settings, profiles, repo, route }), runners };
  };
  // Without a model nothing of the profiles is needed to choose one.
  const remembered = choose ? undefined : rememberedProfiles(deps, ruled.profile);
  if (remembered) return planned(ruled, remembered);
  return profilesToChoose(deps).then(async ({ away, ...offer }) => {
    const profiles = offer.profiles.filter(({ name }) => caller.reach?.profiles?.includes(name) ?? true);
    const route = choose ? await routeByModel(request, ruled, { profiles, choose }) : ruled;
    try {
      return planned(route, offer);
    } catch (error) {
      throw away !== undefined && error instanceof AppError && error.code === "profile_not_found" ? away : error;
    }
  });
}

type Tie = Readonly<{ session_id: string; repo: RepoAddress | undefined }>;

/** Sessions are the tenant's and the repository's. */
async function checkSession({ store }: ApiDeps, { session_id, repo }: Tie, caller: Caller): Promise<void> {
  const session = await store.findSession(session_id);
  if (session?.tenant === caller.tenant && session.repoKey === repo?.canonical) return;
  throw new AppError("session_not_found", `There is no session ${session_id} that can be continued here.`, {
    errors: [{ path: "session_id", message: "no such session for this repository" }],
  });
}

/** What a repeated request is compared by. A model may choose otherwise the next time: then the choice is not part of it. */
function asAsked({ choose }: ApiDeps, asked: JobRequest, { request, routed }: Submission): object {
  if (asked.profile !== undefined || routed.routed_by === "rule" || !choose) return request;
  const { profile, ...rest } = request;
  return rest;
}

/** @throws HttpError 422 where the key has made a job from another request. */
const submitOnce = ({ store }: ApiDeps, fresh: NewJob, idempotency: NonNullable<NewJob["idempotency"]>) =>
  store.submit({ ...fresh, idempotency }).catch((thrown: unknown) => {
    throw isConflict(thrown) ? otherBody(thrown) : thrown;
  });

const isConflict = (thrown: unknown): boolean => thrown instanceof AppError && thrown.code === "invalid_request";

const otherBody = (cause: unknown): AppError =>
  new HttpError(422, "invalid_request", {
    cause,
    sentence: "This Idempotency-Key has already made a job from another request.",
    errors: [{ path: "Idempotency-Key", message: "was used with another body" }],
    remedy: "Use a new key for a new request, or send the first request again unchanged.",
  });

/** @throws AppError `not_found`, also for what is no identifier and for what another tenant owns. */
export async function getJob({ store }: ApiDeps, id: string, { caller }: Asking): Promise<Job> {
  requireScope(caller, "read");
  return asFound(await store.get(jobId(id), caller.tenant), id);
}

/** The same for verbs that ask for another scope. */
export async function findJob({ store }: ApiDeps, id: string, { caller }: Asking): Promise<Job> {
  return asFound(await store.get(jobId(id), caller.tenant), id);
}

function asFound(job: Job | undefined, id: string): Job {
  if (!job) throw noSuchJob(id);
  return job;
}

/** The job when its status is another than now, or as it stands after the seconds; a terminal job at once. */
export async function getChangedJob(
  deps: ApiDeps,
  { id, seconds }: Readonly<{ id: string; seconds: number }>,
  asking: Asking,
): Promise<Job> {
  const now = await getJob(deps, id, asking);
  if (isTerminal(now.status)) return now;
  const until = (job: Job) => job.status !== now.status;
  const { caller, signal } = asking;
  return waitForJob(deps, { id: now.id, caller }, { seconds, until, ...(signal ? { signal } : {}) });
}

export async function listJobs(
  { store }: ApiDeps,
  query: Omit<JobQuery, "tenant">,
  { caller }: Asking,
): Promise<JobPage> {
  requireScope(caller, "read");
  return store.list({ ...query, tenant: caller.tenant });
}

export async function cancelJob({ store, log }: ApiDeps, id: string, { caller }: Asking): Promise<Job> {
  requireScope(caller, "cancel");
  const { name, tenant } = caller;
  const job = await store.cancel(jobId(id), { name, tenant });
  if (!job) throw noSuchJob(id);
  log.info("cancel asked for", { job: job.id, by: caller.name, status: job.status });
  return job;
}

/** @throws AppError `conflict` where it is live; BudgetUsedUp; as `checkSteering`. */
export async function retryJob(deps: ApiDeps, id: string, asking: Asking): Promise<Job> {
  await checkSteering(deps, id, asking);
  const { caller } = asking;
  const budgets = budgetOrders(deps, await findJob(deps, id, asking), caller);
  return deps.store.retry(jobId(id), caller.tenant, ...(budgets.length === 0 ? [] : [{ budgets }]));
}

/** Waking or steering a job is as submitting one. @throws MissingScope; AppError as `checkJobReach`, `not_found`. */
export async function checkSteering(deps: ApiDeps, id: string, asking: Asking): Promise<void> {
  requireScope(asking.caller, "submit");
  if (isNarrowed(asking.caller)) checkJobReach(asking.caller, await findJob(deps, id, asking));
}

/** Stored before it returns; the runner gives it to Claude. */
export async function sendMessage(
  deps: ApiDeps,
  { id, text, mode }: MessageRequest & { id: string },
  asking: Asking,
): Promise<Job> {
  await checkSteering(deps, id, asking);
  const { store, clock, newId } = deps;
  return store.addMessage(jobId(id), { id: newId(), text, mode, at: iso(clock.now()) }, asking.caller.tenant);
}

/** Whatever is no UUID never reaches a store or a path. */
export function jobId(text: string): JobId {
  const id = JobId.safeParse(text.toLowerCase());
  if (!id.success) throw noSuchJob(text);
  return id.data;
}
