import { iso } from "../shared/clock.ts";
import { AppError, isStoreAway } from "../shared/error.ts";
import { isTerminal, type Job, JobId, type JobRequest, type MessageRequest } from "../shared/job.ts";
import { HttpError } from "../shared/problem.ts";
import { defaultWaitSeconds, type SubmitRequest } from "../shared/reply.ts";
import type { RepoAddress } from "../shared/repo-url.ts";
import type { JobPage, JobQuery, Submitted } from "../shared/store.ts";
import type { ApiDeps, Caller } from "./deps.ts";
import { canonicalJson, sha256 } from "./digest.ts";
import { profilesToChoose } from "./profiles.ts";
import { route } from "./route.ts";
import { checkPlace, newJob, planSubmission, type Submission } from "./submission.ts";
import { noSuchJob, waitForJob } from "./wait.ts";
import { inWorktree } from "./worktrees.ts";

/** Who asks, and a signal that aborts when they are gone. */
export type Asking = Readonly<{
  caller: Caller;
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
  const { request, queue } = await inWorktree(deps, rest, asking.caller);
  const repo = checkPlace(request, settings);
  await checkTies(deps, { request, repo }, asking.caller); // before a model is asked, which costs something
  const submission = await plan(deps, request, repo);
  const { idempotencyKey: key, caller } = asking;
  const birth = {
    id: JobId.parse(deps.newId()),
    now: clock.now(),
    mode: wait ? "sync" : "fire_and_forget",
    ttlSeconds: settings.jobTtlSeconds,
  } as const;
  const submitted = await store
    .submit({
      job: newJob(submission, birth),
      tenant: caller.tenant,
      queueTtlSeconds: settings.queueTtlSeconds,
      ...(queue === undefined ? {} : { queue }),
      ...(submission.repo ? { repoKey: submission.repo.canonical } : {}),
      ...(key === undefined
        ? {}
        : { idempotency: { key, body: await sha256(canonicalJson(asAsked(deps, request, submission))) } }),
    })
    .catch((thrown: unknown) => {
      throw key !== undefined && isConflict(thrown) ? otherBody(thrown) : thrown;
    });
  asking.accepted?.(submitted.job);
  if (!wait) return submitted;
  const at = { id: submitted.job.id, caller };
  const { signal } = asking;
  const until = (job: Job) => isTerminal(job.status);
  const job = await waitForJob(deps, at, { seconds: wait_seconds, until, ...(signal ? { signal } : {}) }).catch(
    (thrown: unknown) => {
      // It is accepted: whoever asked must learn its id, whatever becomes of the store meanwhile.
      if (isStoreAway(thrown)) return submitted.job;
      throw thrown;
    },
  );
  return { ...submitted, job };
}

/** @throws as planSubmission does; where a profile is not known and the store is away, that says so: a runner may have it. */
async function plan(deps: ApiDeps, request: JobRequest, repo: RepoAddress | undefined): Promise<Submission> {
  const { settings, choose } = deps;
  const { profiles, away } = await profilesToChoose(deps);
  const { rules, defaultProfile } = settings;
  const routed = await route(request, {
    ...{ rules, defaultProfile, profiles },
    ...(repo ? { repo } : {}),
    ...(choose ? { choose } : {}),
  });
  try {
    return planSubmission(request, { settings, profiles, repo, route: routed });
  } catch (error) {
    throw away !== undefined && error instanceof AppError && error.code === "profile_not_found" ? away : error;
  }
}

type Ties = Readonly<{ request: JobRequest; repo: RepoAddress | undefined }>;

/** Sessions are the tenant's and the repository's. */
async function checkTies({ store }: ApiDeps, { request, repo }: Ties, caller: Caller): Promise<void> {
  const { session_id } = request;
  if (session_id === undefined) return;
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
  const job = await store.get(jobId(id), caller.tenant);
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

export const listJobs = ({ store }: ApiDeps, query: Omit<JobQuery, "tenant">, { caller }: Asking): Promise<JobPage> =>
  store.list({ ...query, tenant: caller.tenant });

export async function cancelJob({ store, log }: ApiDeps, id: string, { caller }: Asking): Promise<Job> {
  const job = await store.cancel(jobId(id), caller);
  if (!job) throw noSuchJob(id);
  log.info("cancel asked for", { job: job.id, by: caller.name, status: job.status });
  return job;
}

export const retryJob = async ({ store }: ApiDeps, id: string, { caller }: Asking): Promise<Job> =>
  store.retry(jobId(id), caller.tenant);

/** Stored before it returns; the runner gives it to Claude. */
export async function sendMessage(
  { store, clock, newId }: ApiDeps,
  { id, text, mode }: MessageRequest & { id: string },
  { caller }: Asking,
): Promise<Job> {
  return store.addMessage(jobId(id), { id: newId(), text, mode, at: iso(clock.now()) }, caller.tenant);
}

/** Whatever is no UUID never reaches a store or a path. */
export function jobId(text: string): JobId {
  const id = JobId.safeParse(text.toLowerCase());
  if (!id.success) throw noSuchJob(text);
  return id.data;
}
