import { expect, test } from "vitest";
import { type SimulatedStore, simulate } from "./simulate.ts";

export type Stage = AsyncDisposable &
  Readonly<{
    /** An empty store; the one before is over. What it does by chance comes again with the seed. */
    fresh: (seed: number) => Promise<SimulatedStore>;
  }>;

const perTest = 50;

/**
 * Plays the seeds up to `seeds`, or those of AGENTICORE_SIMULATION_SEED (`7`, or `1000-2000`). A seed that breaks a promise
 * names itself; played alone it shows what happened.
 */
export function playSeeds(open: () => Promise<Stage>, seeds: number): void {
  const [first = 1, last = seeds] = asked(process.env["AGENTICORE_SIMULATION_SEED"]);
  const groups = Array.from({ length: Math.ceil((last - first + 1) / perTest) }, (_, n) => first + n * perTest);
  test.each(groups)(
    "whatever goes wrong, no job is lost, none runs twice at once, and each ends once (seeds from %i)",
    async (from) => {
      await using stage = await open();
      const all = { succeeded: 0, lost: 0 };
      for (let seed = from; seed <= Math.min(last, from + perTest - 1); seed += 1) {
        const { faults, trace, succeeded, lost } = await simulate(seed, await stage.fresh(seed), first === last);
        const story = trace.length === 0 ? `replay it with AGENTICORE_SIMULATION_SEED=${seed}` : trace.join("\n");
        expect(faults, `seed ${seed}: ${faults.join("; ")}\n${story}`).toEqual([]);
        all.succeeded += succeeded;
        all.lost += lost;
      }
      // Where nothing is done and nothing goes wrong, nothing is proven.
      if (last - from >= perTest - 1) expect(Math.min(all.succeeded, 2 * all.lost)).toBeGreaterThan(perTest / 2);
    },
  );
}

/** First and last. */
function asked(text = ""): readonly number[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  return first === undefined ? [] : [Number(first), Number(last)];
}
