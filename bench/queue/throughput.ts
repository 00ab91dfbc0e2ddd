import { interleave, ratioOf, type Spread, spreadOf } from "../statistics.ts";
import { aSpec, inFlight, type QueueSide } from "./queue-side.ts";

/** One thing that is measured, in jobs per second. */
export type Throughput = Readonly<{
  what: string;
  perSecond: Readonly<Record<string, Spread>>;
  /** How many times the last side's each of the others is, round by round. */
  times: Readonly<Record<string, Spread>>;
}>;
type Options = Readonly<{
  /** New and empty ones, in the order of the table; the others are compared with the last. */
  sides: Readonly<Record<string, () => QueueSide>>;
  /** Empties the server. */
  empty: () => Promise<void>;
  rounds: number;
  note: (line: string) => void;
}>;
type Measure = Readonly<{ what: string; jobs: number; run: (side: QueueSide, jobs: number) => Promise<number> }>;

const enqueue = (most: number, jobs: number): Measure => ({
  what: `enqueue, ${most} in flight`,
  jobs,
  run: async (side) => {
    await inFlight(warmUp, most, () => side.enqueue(aSpec()));
    const since = performance.now();
    await inFlight(jobs, most, () => side.enqueue(aSpec()));
    return performance.now() - since;
  },
});
const drain = (most: number, jobs: number): Measure => ({
  what: `claim + finish, ${most} in flight`,
  jobs,
  run: async (side) => {
    await side.fill(warmUp + jobs);
    return side.drain({ warmUp, jobs, inFlight: most });
  },
});
const warmUp = 1_000;
/** The slow ones are measured as long as the quick ones, about. */
const measures: readonly Measure[] = [
  ...[enqueue(1, 2_000), enqueue(50, 30_000)],
  ...[drain(1, 2_000), drain(8, 8_000), drain(50, 20_000)],
];

export async function throughput({ sides, empty, rounds, note }: Options): Promise<readonly Throughput[]> {
  const names = Object.keys(sides);
  const found: Throughput[] = [];
  for (const { what, jobs, run } of measures) {
    note(what);
    const side = (name: string) => async () => {
      await using queue = sides[name]?.();
      return queue ? (jobs * 1_000) / (await run(queue, jobs)) : Number.NaN;
    };
    const measured = await interleave(Object.fromEntries(names.map((name) => [name, side(name)])), {
      rounds,
      between: empty,
    });
    const base = measured[names.at(-1) ?? ""] ?? [];
    const each = <T>(of: (values: readonly number[]) => T) =>
      Object.fromEntries(names.map((name) => [name, of(measured[name] ?? [])]));
    found.push({ what, perSecond: each(spreadOf), times: each((values) => ratioOf(values, base)) });
  }
  return found;
}
