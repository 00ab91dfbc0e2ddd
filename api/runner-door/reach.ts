import { poolOfQueue } from "../../shared/box-queue.ts";
import { AppError } from "../../shared/error.ts";
import type { Job, JobId } from "../../shared/job.ts";
import type { Lease } from "../../shared/store.ts";
import type { Caller } from "../asked.ts";
import { notFor } from "../auth/reach.ts";
import { requireScope } from "../auth/scope.ts";
import type { ApiDeps } from "../deps.ts";

/** Who asks for what a runner may do, and where it is asked. */
export type At = Readonly<{ deps: ApiDeps; caller: Caller }>;

/**
 * Pools are what a runner's key is narrowed to: what it may claim, and whose jobs it may look at.
 * @throws MissingScope; AppError `forbidden` for a key that is narrowed to what no claim can be narrowed to.
 */
export function requireRunner(caller: Caller): void {
  requireScope(caller, "runner");
  const { repos, profiles } = caller.reach ?? {};
  if (repos === undefined && profiles === undefined) return;
  throw new AppError("forbidden", "This key is narrowed to repositories or profiles, which a runner's key cannot be.", {
    remedy: "Make one with --scope runner and, where it is to be narrowed, --pool alone.",
  });
}

/** For pools, and for parts of pools, which one box serves. @throws AppError `forbidden`. */
export function checkPools({ caller: { reach } }: At, queues: readonly string[]): void {
  const allowed = reach?.pools;
  const stray = allowed && queues.map(poolOfQueue).find((pool) => !allowed.includes(pool));
  if (allowed && stray !== undefined) throw notFor("pool", stray, allowed);
}

/** @throws AppError `forbidden` where it is a job of another pool. */
export async function jobInReach(at: At, id: JobId, tenant?: string): Promise<Job | undefined> {
  const job = await at.deps.store.get(id, tenant);
  if (job) checkPools(at, [job.pool]);
  return job;
}

/**
 * What is said in a session is for whoever may have its job: with a key that is narrowed, while a live job of its pools
 * uses the session, and else as if there were none.
 */
export async function isSessionInReach({ deps: { store }, caller }: At, session: string): Promise<boolean> {
  const pools = caller.reach?.pools;
  if (pools === undefined) return true;
  const user = await store.sessionUser(session);
  const job = user && (await store.get(user));
  return job !== undefined && pools.includes(job.pool);
}

/**
 * A runner as the store knows it: under its key's tenant, so that a lease is good for keys of that tenant alone, and a new
 * key of the same tenant can end what an old one began. No tenant's name has a `|`.
 */
export const mine = ({ caller }: At, runner: string): string => `${caller.tenant}|${runner}`;

export const held = (at: At, lease: Lease): Lease => ({ ...lease, runner: mine(at, lease.runner) });

/** The same as the runner knows itself; another tenant's runner stays nameless. */
export function asTold({ caller }: At, runner: string): string {
  const prefix = `${caller.tenant}|`;
  return runner.startsWith(prefix) ? runner.slice(prefix.length) : "another";
}
