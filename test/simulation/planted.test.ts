import { expect, test } from "vitest";
import { isTerminal } from "../../shared/job.ts";
import type { JobStore } from "../../shared/store.ts";
import { type SimulatedStore, simulate } from "./simulate.ts";
import { sqliteStage } from "./sqlite-stage.ts";

/** What a store does wrong, and how it is found. */
const mistakes: Readonly<Record<string, (store: JobStore) => Partial<JobStore>>> = {
  "lived together": (store) => ({
    // Leases are shorter than their runners were told.
    claim: (request) => store.claim({ ...request, leaseMs: request.leaseMs / 2 }),
    renew: (lease, request) => store.renew(lease, { ...request, leaseMs: request.leaseMs / 2 }),
  }),
  "made 2 jobs": (store) => ({
    // Keys are forgotten.
    submit: ({ idempotency, ...job }) => store.submit(job),
  }),
  "is heard as": (store) => ({
    // Nobody counts what was told before.
    renew: (lease, { firstEvent, ...request }) => store.renew(lease, request),
    finish: (lease, { firstEvent, ...ending }) => store.finish(lease, ending),
  }),
  "and has another": (store) => ({
    // An end is taken of whoever brings it, and thrown away.
    finish: async (lease, ending) => {
      const job = await store.get(lease.job);
      return job && !isTerminal(job.status) ? { ...job, status: ending.status } : await store.finish(lease, ending);
    },
  }),
  "is running at the end": (store) => ({
    // Leases are for ever.
    claim: (request) => store.claim({ ...request, leaseMs: 1e9 }),
    renew: (lease, request) => store.renew(lease, { ...request, leaseMs: 1e9 }),
  }),
  "was given out": (store) => {
    // A fence is forgotten with each claim.
    const claim: JobStore["claim"] = async (request) => {
      const given = await store.claim(request);
      return given && { ...given, lease: { ...given.lease, fence: 1 + (given.lease.fence % 2) } };
    };
    return { claim };
  },
};

test.each(Object.entries(mistakes))("a store that is wrong is found out: %s", async (sentence, mistake) => {
  await using stage = await sqliteStage();
  let tries = 0;
  for (let found = ""; !found.includes(sentence); tries += 1) {
    expect(tries, found).toBeLessThan(150);
    const world = await stage.fresh(1 + tries);
    const [one, two] = world.stores;
    const stores: SimulatedStore["stores"] = [
      { ...one, ...mistake(one) },
      { ...two, ...mistake(two) },
    ];
    found = (await simulate(1 + tries, { ...world, stores }, false)).faults.join("; ");
  }
});
