import type { Job } from "../shared/job.ts";
import type { JobStore } from "../shared/store.ts";
import type { EndingFile } from "./ending-file.ts";
import { batchLength, sizeOf } from "./event-batch.ts";

/**
 * Tells the store how an attempt ended, under its fence. Told before, wholly or in part, it changes nothing twice.
 * @throws LeaseLost where it is over for this attempt; AppError `store_unavailable`.
 */
export async function tellEnding(store: JobStore, { lease, end, at, leaseMs }: EndingFile, now: number): Promise<Job> {
  let { events, firstEvent } = "finish" in end ? end.finish : end.release;
  // What does not fit into the last call goes before it.
  for (let count = batchLength(events.map(sizeOf)); count < events.length; count = batchLength(events.map(sizeOf))) {
    await store.renew(lease, { leaseMs, events: events.slice(0, count), firstEvent });
    events = events.slice(count);
    firstEvent += count;
  }
  if ("finish" in end) return await store.finish(lease, { ...end.finish, events, firstEvent });
  const { delayMs, ...release } = end.release;
  const left = delayMs === undefined ? {} : { delayMs: Math.min(delayMs, Math.max(0, delayMs - (now - at))) };
  return await store.release(lease, { ...release, ...left, events, firstEvent });
}
