import { setTimeout as sleep } from "node:timers/promises";
import { aSpec, type QueueSide } from "./queue-side.ts";

/** Milliseconds from before a job is submitted until an idle worker has it in its hands. */
export type PickUp = Readonly<{ p50: number; p95: number; max: number; samples: number }>;

const warmUp = 10;

export async function pickUp(side: QueueSide, samples: number): Promise<PickUp> {
  const arrivals = new Map<string, PromiseWithResolvers<number>>();
  await using _worker = await side.idleWorker((id) => arrivals.get(id)?.resolve(performance.now()));
  await sleep(1_000);
  const took: number[] = [];
  for (let sample = 0; sample < samples + warmUp; sample += 1) {
    // The one before is finished by then, and the worker waits again.
    await sleep(40 + 80 * Math.random());
    const job = aSpec();
    const arrival = Promise.withResolvers<number>();
    arrivals.set(job.id, arrival);
    const since = performance.now();
    await side.enqueue(job);
    took.push((await arrival.promise) - since);
  }
  return percentiles(took.slice(warmUp));
}

/** @throws Error without a value. */
export function percentiles(values: readonly number[]): PickUp {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    if (value === undefined) throw new Error("There is nothing to take a percentile of.");
    return value;
  };
  return { p50: at(0.5), p95: at(0.95), max: at(1), samples: sorted.length };
}
