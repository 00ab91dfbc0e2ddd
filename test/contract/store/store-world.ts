import { expect } from "vitest";
import type { Job, JobId } from "../../../shared/job.ts";
import type { Claim, ClaimRequest, JobStore, StoreLimits } from "../../../shared/store.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";

/** One implementation, opened empty, with its time in the test's hand. */
export type StoreWorld = AsyncDisposable &
  Readonly<{
    store: JobStore;
    /** Another connection to the same state, as another process has one; disposed with the world. */
    another: () => Promise<JobStore>;
    /** The store's time passes. */
    advance: (ms: number) => Promise<void>;
    /** Rejects where what is stored is not as it must always be; for stores that can be looked into. */
    check?: () => Promise<void>;
  }>;
export type OpenWorld = (limits?: StoreLimits) => Promise<StoreWorld>;

export const lease = 360_000;
export const minute = 60_000;
export const hour = 3_600_000;

/** A job in the queue; gives its id. */
export async function queue(store: JobStore, facts: Parameters<typeof aNewJob>[0] = {}): Promise<JobId> {
  return (await store.submit(aNewJob(facts))).job.id;
}

/** A claim that must get something. */
export async function take(store: JobStore, facts: Partial<ClaimRequest> = {}): Promise<Claim> {
  const claim = await store.claim(aClaim(facts));
  if (!claim) throw new Error("nothing was there to claim");
  return claim;
}

/** The job as it must be there. */
export async function read(store: JobStore, id: JobId): Promise<Job> {
  const job = await store.get(id);
  if (!job) throw new Error(`job ${id} is not there`);
  return job;
}

/** The types of all its events, oldest first. */
export async function told(store: JobStore, id: JobId): Promise<string[]> {
  return (await store.events(id, {})).events.map((event) => event.type);
}

/** Fails unless it rejects with an error of that code. */
export async function refused(step: Promise<unknown>, code: string): Promise<void> {
  await expect(step).rejects.toMatchObject({ code });
}

export async function leaseLost(step: Promise<unknown>): Promise<void> {
  await expect(step).rejects.toMatchObject({ name: "LeaseLost" });
}

/** Lets the store's time go on in small steps until the promise resolves. */
export async function settled<T>(world: StoreWorld, promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => {
    done = true;
  });
  for (let step = 0; !done && step < 1_000; step += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!done) await world.advance(10);
  }
  if (!done) throw new Error("it did not resolve within 10 s of the store's time");
  return watched;
}
