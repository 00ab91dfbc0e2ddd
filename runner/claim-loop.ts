import type { Clock } from "../shared/clock.ts";
import { jittered } from "../shared/clock.ts";
import type { Log } from "../shared/log.ts";
import type { Claim, JobStore } from "../shared/store.ts";
import { abortable } from "./abortable.ts";
import type { Held } from "./keep-lease.ts";

export type LoopOptions = Readonly<{
  runner: string;
  podName: string;
  /** May be others at each look. */
  pools: readonly string[];
  /** Aborts when they are others. */
  poolsChange?: () => AbortSignal;
  leaseMs: number;
  capacity: number;
  /** A plain look at the store when no hint came; milliseconds. */
  idlePollMs: number;
}>;
type Deps = Readonly<{
  store: JobStore;
  clock: Clock;
  log: Log;
  random: () => number;
  /** Notes the id of a claim that is about to be asked for, in place of `instead`; a claim is known by it after a crash. */
  newClaim: (instead?: string) => Promise<string>;
  /** False while the disk is under its low-water mark: nothing is claimed then. */
  mayClaim: () => Promise<boolean>;
  /** Canonical addresses of repositories that are warm here, most recently used first. */
  warm: () => readonly string[];
}>;

/** More would only make claims larger. */
const warmNamed = 100;

/** Claims and works until `stop` aborts, then waits for the jobs that run. Never more at once than `capacity`. */
export async function claimLoop(
  { store, clock, log, random, newClaim, mayClaim, warm }: Deps,
  { options, work, stop }: Readonly<{ options: LoopOptions; work: (held: Held) => Promise<void>; stop: AbortSignal }>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let claimId: string | undefined;
  let knownSince = 0;
  /** The store may have given a job under this id and its reply was lost. */
  let isUnsure = false;
  let failures = 0;

  const { runner, podName, leaseMs } = options;
  const ask = (id: string, pools: readonly string[]): Promise<Claim | undefined> =>
    store.claim({ claimId: id, runner, pod_name: podName, pools, leaseMs, warm: warm().slice(0, warmNamed) });

  async function claimOne(): Promise<Held | undefined> {
    // What a call that arrived late was given under the id is the runner's by the next answer, or lost with its lease: from
    // then on the id gives nothing any more.
    if (claimId === undefined || (!isUnsure && clock.uptime() - knownSince >= leaseMs)) {
      claimId = await newClaim(claimId);
      knownSince = clock.uptime();
    }
    const id = claimId;
    const sentAt = clock.uptime();
    const wasUnsure = isUnsure;
    isUnsure = true;
    const claim = await ask(id, options.pools);
    isUnsure = false;
    // Nothing leaves no trace, and the id stays. But where a reply was lost, the id may have been spent on a job that is
    // somebody else's by now: then it gives nothing for ever.
    if (!claim && wasUnsure) {
      claimId = await newClaim(id);
      knownSince = clock.uptime();
      return await claimOne();
    }
    if (claim) claimId = undefined;
    return claim && { claim, claimId: id, sentAt };
  }
  async function next(): Promise<Held | undefined> {
    try {
      const held = (await mayClaim()) ? await claimOne() : undefined;
      failures = 0;
      return held;
    } catch (error) {
      failures += 1;
      log.warn("could not claim", { error: String(error), failures });
      return undefined;
    }
  }
  /** Without pools nothing new is taken: only what the store gave under this id, if it did, comes back. */
  async function giveBackUnheard(id: string): Promise<void> {
    try {
      const claim = await ask(id, []);
      if (claim) await store.release(claim.lease, { reason: "drained" });
    } catch (error) {
      log.warn("a job may be left to its lease: a claim had no answer", { error: String(error) });
    }
  }
  const start = (held: Held) => {
    const job = work(held)
      .catch((error: unknown) => log.error("a job's run threw", { job: held.claim.job.id, error: String(error) }))
      .finally(() => running.delete(job));
    running.add(job);
  };

  while (!stop.aborted) {
    if (running.size >= options.capacity) {
      await abortable(Promise.race(running), stop).catch(() => undefined);
      continue;
    }
    const change = options.poolsChange?.();
    const held = await next();
    if (held) start(held);
    else {
      const timeoutMs = jittered(failures > 0 ? Math.min(5_000, 250 * 2 ** failures) : options.idlePollMs, random);
      if (failures > 0) await clock.sleep(timeoutMs, stop);
      else
        await store
          .changed({ pools: options.pools, timeoutMs, signal: change ? AbortSignal.any([stop, change]) : stop })
          .catch(() => clock.sleep(timeoutMs, stop));
    }
  }
  await Promise.all([...running, ...(isUnsure && claimId !== undefined ? [giveBackUnheard(claimId)] : [])]);
}
