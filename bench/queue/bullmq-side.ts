import { Queue, Worker } from "bullmq";
import type { Job } from "../../shared/job.ts";
import { aSpec, newName, type QueueSide } from "./queue-side.ts";

const perBulk = 1_000;

/** BullMQ as its documentation has it: defaults, one connection for the queue, workers with connections of their own. */
export function bullmqSide(url: string): QueueSide {
  const name = newName();
  const connection = { url, maxRetriesPerRequest: null };
  const queue = new Queue<Job>(name, { connection });
  const worker = (options: Readonly<{ concurrency?: number }>, onJob: (id: string) => void) =>
    new Worker<Job>(name, async ({ data }) => onJob(data.id), { connection, autorun: false, ...options });
  let claimer: Worker<Job> | undefined;
  return {
    name: "BullMQ",
    enqueue: async (job) => void (await queue.add("work", job)),
    fill: async (jobs) => {
      for (let left = jobs; left > 0; left -= perBulk)
        await queue.addBulk(Array.from({ length: Math.min(perBulk, left) }, () => ({ name: "work", data: aSpec() })));
    },
    drain: async ({ warmUp, jobs, inFlight }) => {
      const drained = Promise.withResolvers<void>();
      let [done, since] = [0, performance.now()];
      const all = worker({ concurrency: inFlight }, () => undefined);
      all.on("completed", () => {
        done += 1;
        if (done === warmUp) since = performance.now();
        if (done === warmUp + jobs) drained.resolve();
      });
      await all.waitUntilReady();
      const running = all.run();
      await drained.promise;
      const took = performance.now() - since;
      await all.close();
      await running;
      return took;
    },
    claimOne: async () => {
      claimer ??= new Worker<Job>(name, null, { connection });
      await claimer.waitUntilReady();
      const since = performance.now();
      const job = await claimer.getNextJob("token", { block: false });
      const took = performance.now() - since;
      if (!job) throw new Error("there was nothing to claim");
      await job.moveToCompleted("done", "token", false);
      return took;
    },
    idleWorker: async (onJob) => {
      const idle = worker({}, onJob);
      await idle.waitUntilReady();
      const running = idle.run();
      return {
        [Symbol.asyncDispose]: async () => {
          await idle.close(true);
          await running;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await claimer?.close(true);
      await queue.close();
    },
  };
}
