import { profileLabel, queuesOf } from "../shared/box-queue.ts";
import type { JobId } from "../shared/job.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { RunnerRecord } from "../shared/store.ts";
import { keepAnnounced } from "./announce.ts";
import { assemble, type RunnerStart } from "./assemble.ts";
import { claimLoop } from "./claim-loop.ts";
import { readDisk } from "./disk.ts";
import { watchHealth } from "./health.ts";
import { removeClaimNote, writeClaimNote } from "./process/claim-note.ts";
import { recoverRuns } from "./recover-runs.ts";
import { removeOldRuns } from "./remove-old-runs.ts";
import { retainWorktrees } from "./retain-worktrees.ts";
import { runJob } from "./run-job.ts";
import { Stop } from "./stop.ts";
import { openTotals } from "./totals.ts";

export type Runner = Readonly<{
  instance: string;
  /** Claims no more, and resolves when its jobs are over. */
  drain: () => Promise<void>;
  /** Ends its jobs now and gives them back; resolves when nothing of them lives. */
  stop: () => Promise<void>;
  /** Resolves when the runner is over, for whatever reason. */
  over: Promise<void>;
}>;

const tidyMs = 600_000;

/** Makes this process a runner: recovers what an earlier one left, then claims until it is told to stop. */
export async function startRunner(start: RunnerStart): Promise<Runner> {
  const { config, clock, log } = start;
  const health = watchHealth(start.store, clock, start);
  const { store } = health;
  const working = new Map<JobId, Promise<void>>();
  const totals = openTotals();
  const draining = new AbortController();
  let low = false;
  const state = () => ({
    ...{ name: config.podName, version: start.version, capacity: config.maxParallelJobs },
    ...{ running: working.size, draining: draining.signal.aborted, diskLow: low },
  });
  const parts = await assemble({ ...start, store }, () => health.tell(state()));
  const { deps } = parts;
  const { instance } = deps.identity;
  const stopping = new AbortController();
  const over = new AbortController();
  const recovery = await recoverRuns(deps, over.signal);
  const drain = () => {
    draining.abort(new Stop("draining"));
    announcer.soon();
  };

  /** Of its pools, of its box, and of what only runners with some profile of its own can do. */
  const queuesFor = (profiles: readonly ProfileSummary[]) => {
    const own = profiles.filter(({ source, error }) => source !== "bundled" && error === undefined);
    return queuesOf(config.pools, [deps.box, ...own.map(({ name }) => profileLabel(name))]);
  };
  let queues = queuesFor([]);
  let change = new AbortController();
  /** Before anybody learns of these profiles: jobs for them come at once. */
  function serve(profiles: readonly ProfileSummary[]): void {
    const before = queues.join();
    queues = queuesFor(profiles);
    if (queues.join() === before) return;
    change.abort();
    change = new AbortController();
  }

  async function newClaim(instead?: string): Promise<string> {
    const claimId = deps.newId();
    await writeClaimNote(deps.places.runs, { claim_id: claimId, runner: deps.identity });
    if (instead !== undefined) await removeClaimNote(deps.places.runs, instead);
    return claimId;
  }
  async function look(): Promise<boolean> {
    const disk = await readDisk(deps.places.worktrees, config.diskLowWater);
    if (disk.low && !low) log.error("the disk is nearly full: nothing is claimed", { free_bytes: disk.free_bytes });
    low = disk.low;
    return !low;
  }
  async function record(): Promise<RunnerRecord> {
    const { summaries } = await deps.profiles();
    serve(summaries);
    const disk = await readDisk(deps.places.worktrees, config.diskLowWater);
    return {
      id: instance,
      name: config.podName,
      version: start.version,
      pools: config.pools,
      capacity: config.maxParallelJobs,
      running: [...working.keys()],
      draining: draining.signal.aborted,
      last_seen: new Date(clock.now()).toISOString(),
      disk,
      sandbox: deps.sandbox.tier,
      profiles: summaries,
      totals: totals.now(),
    };
  }
  const announcer = keepAnnounced(deps, {
    runner: instance,
    record,
    everyMs: start.announceMs,
    onDrain: () => {
      log.info("asked to drain");
      drain();
    },
  });
  async function tidying(): Promise<void> {
    while (!over.signal.aborted) {
      for (const tidy of [removeOldRuns, retainWorktrees])
        await tidy(deps).catch((error: unknown) => log.warn("upkeep failed", { error: String(error) }));
      await clock.sleep(tidyMs, over.signal);
    }
  }
  const tidy = tidying();
  const loop = claimLoop(
    { ...deps, mayClaim: look, newClaim, warm: deps.repos.warm },
    {
      options: {
        runner: instance,
        podName: config.podName,
        get pools() {
          return queues;
        },
        poolsChange: () => change.signal,
        leaseMs: deps.times.leaseMs,
        capacity: config.maxParallelJobs,
        idlePollMs: start.idlePollMs,
      },
      stop: draining.signal,
      work: async (held) => {
        const { job } = held.claim;
        const before = working.get(job.id) ?? Promise.resolve();
        const run = runJob({ ...held, before }, deps, stopping.signal).then(totals.ended);
        working.set(job.id, run);
        totals.claimed(job);
        announcer.soon();
        await run.finally(() => {
          if (working.get(job.id) === run) working.delete(job.id);
          announcer.soon();
        });
      },
    },
  );
  log.info("runner ready", { runner: instance, sandbox: deps.sandbox.tier, pools: config.pools });
  const ended = untilOver();
  async function untilOver(): Promise<void> {
    try {
      await loop;
    } finally {
      over.abort();
      await Promise.all([announcer[Symbol.asyncDispose](), tidy, recovery.rest]);
      await store.retire(instance).catch(() => undefined);
      await parts[Symbol.asyncDispose]();
    }
  }
  return {
    instance,
    over: ended,
    drain: async () => {
      drain();
      await ended;
    },
    stop: async () => {
      drain();
      stopping.abort(new Stop("draining"));
      await ended;
    },
  };
}
