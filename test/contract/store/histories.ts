import { expect, test } from "vitest";
import { LeaseLost } from "../../../shared/error.ts";
import type { JobId } from "../../../shared/job.ts";
import type { JobStore, Lease } from "../../../shared/store.ts";
import { aClaim, aJobId, aNewJob } from "../../support/a-job.ts";
import { type Random, seeded } from "../../support/random.ts";
import { expectedStore } from "./model.ts";
import { lease, type OpenWorld, read, type StoreWorld } from "./store-world.ts";

/** A way to a store that is proven elsewhere needs no more; the long suite has the whole for it too. */
export const histories = { all: 24, some: 6 } as const;
const limits = { repoLimit: 2, poolLimits: { big: 1 } } as const;
const steps = 90;
const served = [["default", "big"], ["big", "default"], ["default"], ["big"]] as const;
const sessions = [undefined, "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10", "7f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f11"] as const;

/** Random commands, some from runners that lost their lease, against the pure rules; a failing seed names itself. */
export function historiesContract(open: OpenWorld, count: number): void {
  const seeds = Array.from({ length: count }, (_, n) => n + 1);
  test.each(seeds)("whatever is asked in whatever order, the store does what the rules say (seed %i)", async (seed) => {
    await using world = await open(limits);
    const other = await world.another();
    const random = seeded(seed);
    const model = expectedStore(limits);
    const leases: Lease[] = [];
    for (let step = 0; step < steps; step += 1) {
      const store = random.pick([world.store, other]);
      await act({ world, store, random, model, leases });
      await world.check?.();
      for (const id of model.jobs.keys()) await agrees(store, model, id);
    }
    await settles(world.store, model);
  });
}

type Scene = Readonly<{
  world: StoreWorld;
  store: JobStore;
  random: Random;
  model: ReturnType<typeof expectedStore>;
  leases: Lease[];
}>;

async function act({ world, store, random, model, leases }: Scene): Promise<void> {
  const ids = [...model.jobs.keys()];
  const id = ids[random.below(ids.length)] ?? aJobId();
  const held = leases[Math.max(0, leases.length - 1 - random.below(6))] ?? { job: id, runner: "box-0/a", fence: 0 };
  switch (
    random.pick(["submit", "claim", "claim", "renew", "finish", "release", "cancel", "retry", "advance", "sweep"])
  ) {
    case "submit": {
      if (ids.length >= 8) return;
      const priority = random.below(3) - 1;
      const maxAttempts = 1 + random.below(3);
      const repoKey = random.pick([undefined, "https://h/a", "https://h/b"]);
      const session = random.pick(sessions);
      const pool = random.pick<string>(["default", "default", "big"]);
      const own = { id: aJobId(), pool, priority, max_attempts: maxAttempts };
      const facts = { ...own, ...(session ? { session_id: session } : {}) };
      const fresh = aNewJob({ job: facts, ...(repoKey ? { repoKey } : {}), queueTtlSeconds: 1e9 });
      await store.submit(fresh);
      return model.submit({ id: fresh.job.id, priority, maxAttempts, pool, repoKey, session });
    }
    case "claim": {
      const runner = `box-${random.below(3)}/a`;
      const pools = random.pick<readonly string[]>(served);
      const claim = await store.claim(aClaim({ runner, pools, leaseMs: lease }));
      expect(claim?.lease).toEqual(model.claim(runner, pools, lease));
      if (claim) leases.push(claim.lease);
      return;
    }
    case "renew":
      return expect(await accepted(store.renew(held, { leaseMs: lease }))).toBe(model.renew(held, lease));
    case "finish": {
      const status = random.pick(["succeeded", "failed", "cancelled"]);
      return expect(await accepted(store.finish(held, { status, patch: {} }))).toBe(model.finish(held, status));
    }
    case "release": {
      const reason = random.pick(["crashed", "lease_lost", "drained", "waiting"]);
      return expect(await accepted(store.release(held, { reason }))).toBe(model.release(held, reason));
    }
    case "cancel":
      await store.cancel(id, { name: "ada" });
      return model.cancel(id);
    case "retry": {
      const done = await store.retry(id).then(
        () => true,
        () => false,
      );
      return expect(done).toBe(model.retry(id));
    }
    case "advance": {
      const ms = random.below(lease);
      await world.advance(ms);
      return model.advance(ms);
    }
    case "sweep":
      expect((await store.sweep()).toSorted()).toEqual(model.sweep().toSorted());
  }
}

const accepted = (step: Promise<unknown>): Promise<boolean> =>
  step.then(
    () => true,
    (error: unknown) => {
      if (error instanceof LeaseLost) return false;
      throw error;
    },
  );

async function agrees(store: JobStore, model: Scene["model"], id: JobId): Promise<void> {
  const expected = model.jobs.get(id);
  const job = await read(store, id);
  const seen = { status: job.status, attempt: job.attempt, cancelRequested: job.cancel_requested_at !== undefined };
  expect(seen).toEqual({
    status: expected?.status,
    attempt: expected?.attempt,
    cancelRequested: expected?.cancelRequested,
  });
  expect(job.attempts.map((attempt) => attempt.number)).toEqual(
    Array.from({ length: job.attempt - (job.status === "running" ? 1 : 0) }, (_, n) => n + 1),
  );
  expect(job.phase === undefined).toBe(job.status !== "running");
  expect(job.queue_position === undefined).toBe(job.status !== "queued");
  expect(job.ended_at === undefined).toBe(job.status === "queued" || job.status === "running");
}

/** Each job's log tells the same story, and each job is counted once. */
async function settles(store: JobStore, model: Scene["model"]): Promise<void> {
  for (const expected of model.jobs.values()) {
    const { events } = await store.events(expected.id, {});
    const ids = events.map((event) => event.id);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    const types = events.map((event) => event.type);
    expect(types.filter((type) => type === "job.claimed")).toHaveLength(expected.attempt);
    expect(types.filter((type) => /^job\.(succeeded|failed|cancelled)$/.test(type))).toHaveLength(expected.endings);
    expect(types[0]).toBe("job.queued");
  }
  const { byStatus } = await store.counts();
  expect(Object.values(byStatus).reduce((sum, n) => sum + n, 0)).toBe(model.jobs.size);
}
