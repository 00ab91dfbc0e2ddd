import { spreadOf } from "../statistics.ts";
import { aSpec, inFlight, type QueueSide } from "./queue-side.ts";

/** What one more job costs with so many queued already. Milliseconds, medians. */
export type Growth = Readonly<{ queued: number; claim: number; enqueue: number }>;

type Options = Readonly<{ sizes: readonly number[]; samples: number; note: (line: string) => void }>;

/** Fills the queue from size to size, and measures at each. */
export async function growth(side: QueueSide, { sizes, samples, note }: Options): Promise<Growth[]> {
  const found: Growth[] = [];
  let queued = 0;
  for (const size of sizes) {
    note(`${side.name}: ${size.toLocaleString("en")} queued`);
    await side.fill(size - queued);
    const claims: number[] = [];
    const enqueues: number[] = [];
    await inFlight(samples, 1, async () => {
      const since = performance.now();
      await side.enqueue(aSpec());
      enqueues.push(performance.now() - since);
      claims.push(await side.claimOne());
    });
    found.push({ queued: size, claim: spreadOf(claims).median, enqueue: spreadOf(enqueues).median });
    queued = size;
  }
  return found;
}
