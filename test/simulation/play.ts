import { expect, test } from "vitest";
import { type SimulatedStore, simulate } from "./simulate.ts";

export type Stage = AsyncDisposable &
  Readonly<{
    /** An empty store; the one before is over. What it does by chance comes again with the seed. */
    fresh: (seed: number) => Promise<SimulatedStore>;
  }>;
type Play = Readonly<{ seeds: number; only: number | undefined }>;

const perTest = 50;

/** Plays many seeds, some a test; a seed that breaks a promise names itself, and alone it shows what happened. */
export function playSeeds(open: () => Promise<Stage>, { seeds, only }: Play): void {
  const groups =
    only === undefined ? Array.from({ length: Math.ceil(seeds / perTest) }, (_, n) => n * perTest + 1) : [only];
  test.each(groups)(
    "whatever goes wrong, no job is lost, none runs twice at once, and each ends once (seeds from %i)",
    async (first) => {
      await using stage = await open();
      const last = only ?? Math.min(seeds, first + perTest - 1);
      for (let seed = first; seed <= last; seed += 1) {
        const { faults, trace } = await simulate(seed, await stage.fresh(seed), only !== undefined);
        const story = trace.length === 0 ? `replay it with AGENTICORE_SIMULATION_SEED=${seed}` : trace.join("\n");
        expect(faults, `seed ${seed}: ${faults.join("; ")}\n${story}`).toEqual([]);
      }
    },
  );
}

/** The seed that the environment asks for. */
export const askedSeed = (): number | undefined => {
  const text = process.env["AGENTICORE_SIMULATION_SEED"];
  return text ? Number(text) : undefined;
};
