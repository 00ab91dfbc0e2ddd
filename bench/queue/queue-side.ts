import { randomUUID } from "node:crypto";
import type { Job } from "../../shared/job.ts";
import { aJob } from "../../test/support/a-job.ts";

/** One of the queues that are compared, empty at first. */
export type QueueSide = AsyncDisposable &
  Readonly<{
    name: string;
    /** One job, answered. */
    enqueue(job: Job): Promise<void>;
    /** Many, as quickly as this queue can. */
    fill(jobs: number): Promise<void>;
    /** Claims and finishes all that are queued. @returns milliseconds from the end of the warm-up to the end of the last. */
    drain(all: Drain): Promise<number>;
    /** Claims one and then finishes it. @returns milliseconds of the claim alone. */
    claimOne(): Promise<number>;
    /** A worker that waits for jobs and finishes each at once. */
    idleWorker(onJob: (id: string) => void): Promise<AsyncDisposable>;
  }>;

export type Drain = Readonly<{ warmUp: number; jobs: number; inFlight: number }>;

/** What is stored for each job, by each side: 1 KB as JSON. */
export const aSpec = (): Job => aJob({ repo_url: "https://git.example/team/service", task });
const task = "Mend the flaky test of the importer and say what was wrong with it. ".repeat(9);

export const specBytes = (): number => Buffer.byteLength(JSON.stringify(aSpec()));

/** Calls `work` so many times, `inFlight` of them at once. */
export async function inFlight(times: number, most: number, work: () => Promise<unknown>): Promise<void> {
  let left = times;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, times) }, lane));
}

export const newName = (): string => `bench-${randomUUID().slice(0, 8)}`;
