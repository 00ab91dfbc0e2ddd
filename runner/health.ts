import { z } from "zod";
import type { Clock } from "../shared/clock.ts";
import type { JobStore } from "../shared/store.ts";

/** What a runner answers who asks on its socket: see `askRunners`. */
export const RunnerHealth = z.object({
  instance: z.string(),
  name: z.string(),
  version: z.string(),
  draining: z.boolean(),
  running: z.number(),
  capacity: z.number(),
  /** Sentences on what keeps it from taking and ending jobs; none when all is well. */
  problems: z.array(z.string()),
});
export type RunnerHealth = Readonly<z.infer<typeof RunnerHealth>>;

type Facts = Omit<RunnerHealth, "problems" | "instance"> & Readonly<{ diskLow: boolean }>;

/** Notes what the runner's own calls of the store bring: a question of health asks the store for nothing. */
export function watchHealth(store: JobStore, clock: Clock, { idlePollMs }: Readonly<{ idlePollMs: number }>) {
  let answeredAt = clock.uptime();
  let askedForWorkAt = clock.uptime();
  let trouble: string | undefined;

  const noting =
    <A, R>(call: (asked: A) => Promise<R>) =>
    async (asked: A): Promise<R> => {
      try {
        const answer = await call(asked);
        answeredAt = clock.uptime();
        trouble = undefined;
        return answer;
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error);
        throw error;
      }
    };
  const claim = noting((request: Parameters<JobStore["claim"]>[0]) => store.claim(request));
  return {
    store: {
      ...store,
      announce: noting((runner) => store.announce(runner)),
      claim: async (request) => {
        askedForWorkAt = clock.uptime();
        return await claim(request);
      },
    } satisfies JobStore,
    tell: ({ diskLow, ...facts }: Facts): Omit<RunnerHealth, "instance"> => {
      const since = (at: number) => `${Math.round((clock.uptime() - at) / 1000)} s`;
      const problems: string[] = [];
      if (trouble !== undefined) problems.push(`The store does not answer since ${since(answeredAt)}: ${trouble}`);
      if (diskLow) problems.push("The disk is nearly full: no job is taken.");
      // Whoever could work asks at least at each poll; three of them passed over is no chance.
      const isDue = !facts.draining && !diskLow && facts.running < facts.capacity;
      if (isDue && clock.uptime() - askedForWorkAt > 3 * idlePollMs)
        problems.push(`It has not asked for work since ${since(askedForWorkAt)}.`);
      return { ...facts, problems };
    },
  };
}
