import { randomUUID } from "node:crypto";
import { systemClock } from "../../shared/clock.node.ts";
import type { Job } from "../../shared/job.ts";
import type { RedisWire } from "../../shared/store/redis/wire.ts";
import { openRedisStore } from "../../shared/store/redis.ts";
import type { ClaimRequest, JobStore } from "../../shared/store.ts";
import { aClaim } from "../../test/support/a-job.ts";
import { aSpec, inFlight, newName, type QueueSide } from "./queue-side.ts";

type Options = Readonly<{
  name: string;
  /** Opens one more wire to the server. */
  connect: () => RedisWire;
  /** Jobs of one repository that may run at once. */
  repoLimit?: number;
}>;

export type OurSide = QueueSide & Readonly<{ store: JobStore }>;

/** The store port over Redis, without job files. */
export function ourSide({ name, connect, repoLimit }: Options): OurSide {
  const prefix = newName();
  const open = () =>
    openRedisStore({
      wire: connect(),
      prefix,
      clock: systemClock,
      random: Math.random,
      newId: randomUUID,
      limits: repoLimit === undefined ? {} : { repoLimit },
    });
  const store = open();
  const enqueue = async (job: Job) => void (await store.submit(toSubmit(job)));
  return {
    name,
    store,
    enqueue,
    fill: (jobs) => inFlight(jobs, 200, () => enqueue(aSpec())),
    drain: async ({ warmUp, jobs, inFlight: most }) => {
      let [done, since] = [0, performance.now()];
      await inFlight(warmUp + jobs, most, async () => {
        await claimAndFinish(store);
        done += 1;
        if (done === warmUp) since = performance.now();
      });
      return performance.now() - since;
    },
    claimOne: () => claimAndFinish(store),
    idleWorker: async (onJob) => idleWorker(open(), onJob),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

export const toSubmit = (job: Job) => ({
  job,
  tenant: "local",
  ...(job.repo_url === undefined ? {} : { repoKey: job.repo_url }),
  queueTtlSeconds: 86_400,
});

export const aRequest = (): ClaimRequest => aClaim({ claimId: randomUUID() });

/** @returns milliseconds of the claim. @throws Error where there is nothing to claim. */
async function claimAndFinish(store: JobStore): Promise<number> {
  const since = performance.now();
  const claim = await store.claim(aRequest());
  const took = performance.now() - since;
  if (!claim) throw new Error("there was nothing to claim");
  await store.finish(claim.lease, { status: "succeeded", patch: {} });
  return took;
}

/** As the runner's loop: what changes while it looks is noticed, since it listens before. */
function idleWorker(store: JobStore, onJob: (id: string) => void): AsyncDisposable {
  const stop = new AbortController();
  const work = async () => {
    while (!stop.signal.aborted) {
      const change = store.changed({ timeoutMs: 60_000, signal: stop.signal });
      const claim = await store.claim(aRequest());
      if (claim) {
        onJob(claim.job.id);
        await store.finish(claim.lease, { status: "succeeded", patch: {} });
        continue;
      }
      await change;
    }
  };
  const working = work();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await working;
      await store[Symbol.asyncDispose]();
    },
  };
}
