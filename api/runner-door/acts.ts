import { boxQueue } from "../../shared/box-queue.ts";
import { AppError } from "../../shared/error.ts";
import { JobId } from "../../shared/job.ts";
import type { RunnerCall } from "../../shared/runner-door/calls.ts";
import type { JobStore, NewJob, Submitted } from "../../shared/store.ts";
import { cleanupJob } from "../../shared/worktree-job.ts";
import { type At, asTold, checkPools, held, isSessionInReach, jobInReach, mine } from "./reach.ts";

type Act<M extends RunnerCall> = (at: At, ...args: Parameters<JobStore[M]>) => ReturnType<JobStore[M]>;
type Acts = Readonly<{ [M in Exclude<RunnerCall, "changed">]: Act<M> }>;

/** Each call of a runner as the store is asked for it, held to what the runner's key is for. */
export const acts: Acts = {
  claim: async (at, request) => {
    checkPools(at, request.pools);
    const claim = await at.deps.store.claim({ ...request, runner: mine(at, request.runner) });
    return claim && { ...claim, lease: { ...claim.lease, runner: request.runner } };
  },
  renew: (at, lease, request) => at.deps.store.renew(held(at, lease), request),
  finish: (at, lease, ending) => at.deps.store.finish(held(at, lease), ending),
  release: (at, lease, release) => at.deps.store.release(held(at, lease), release),
  get: jobInReach,
  announce: async (at, runner) => {
    checkPools(at, runner.pools);
    return await at.deps.store.announce({ ...runner, id: mine(at, runner.id) });
  },
  retire: (at, runner) => at.deps.store.retire(mine(at, runner)),
  saveSession: async (at, lease, session) => {
    // The store keeps a session from passing to another tenant, and this one from beginning at one.
    if (!(await at.deps.store.get(lease.job, session.tenant)))
      throw new AppError("session_not_found", `The session ${session.id} is not of this job's tenant.`);
    const whole = held(at, lease);
    await at.deps.store.saveSession(whole, { ...session, runner: whole.runner });
  },
  findSession: async (at, id) => {
    const session = (await isSessionInReach(at, id)) ? await at.deps.store.findSession(id) : undefined;
    return session && { ...session, runner: asTold(at, session.runner) };
  },
  sessionUser: (at, id) => at.deps.store.sessionUser(id),
  saveTranscript: (at, lease, transcript) => at.deps.store.saveTranscript(held(at, lease), transcript),
  findTranscript: async (at, id) =>
    (await isSessionInReach(at, id)) ? await at.deps.store.findTranscript(id) : undefined,
  saveWorktree: async (at, lease, record) => {
    const known = await at.deps.store.findWorktree(record.id, record.tenant);
    checkPools(at, [record.pool, ...(known ? [known.pool] : [])]);
    if (!(await at.deps.store.get(lease.job, record.tenant)))
      throw new AppError("not_found", `The worktree ${record.id} is not of this job's tenant.`);
    await at.deps.store.saveWorktree(held(at, lease), record);
  },
  findWorktree: async (at, id, tenant) => {
    const record = await at.deps.store.findWorktree(id, tenant);
    if (record) checkPools(at, [record.pool]);
    return record;
  },
  listWorktrees: async ({ deps: { store }, caller }, query) => {
    const pools = caller.reach?.pools;
    return (await store.listWorktrees(query)).filter(({ pool }) => pools === undefined || pools.includes(pool));
  },
  submit: submitCleanup,
  takeLock: ({ deps: { store } }, lock) => store.takeLock(lock),
  dropLock: ({ deps: { store } }, lock) => store.dropLock(lock),
  ping: ({ deps: { store } }) => store.ping(),
};

/**
 * The removal of a prepared worktree of its pools that lies idle with all its work pushed; nothing but the worktree's id is
 * the runner's. @throws AppError `forbidden` for any other.
 */
async function submitCleanup(at: At, { job, tenant }: NewJob): Promise<Submitted> {
  const { store, settings, clock, newId } = at.deps;
  const [id = ""] = job.cleanup?.worktree_ids ?? [];
  const record = await store.findWorktree(id, tenant);
  if (record) checkPools(at, [record.pool]);
  const { status, pushed, box, pool, used_at } = record ?? {};
  if (box === undefined || pool === undefined || status !== "ready" || pushed !== true)
    throw new AppError("forbidden", `The worktree ${id} is not one that a runner may have removed.`, {
      remedy: "Nothing to do: one that is in use, or has work that was not pushed, stays.",
    });
  const { defaultProfile: profile, maxAttempts, jobTtlSeconds: ttlSeconds, queueTtlSeconds } = settings;
  const facts = { id: JobId.parse(newId()), now: clock.now(), pool, profile, maxAttempts, ttlSeconds };
  return await store.submit({
    job: cleanupJob(facts, { ids: [id], force: false }),
    ...{ tenant, queueTtlSeconds, queue: boxQueue(pool, box) },
    idempotency: { key: `retention ${id} ${used_at}`, body: id },
  });
}
