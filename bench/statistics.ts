/** Middle, smallest and largest of some measurements, in their unit. */
export type Spread = Readonly<{ median: number; min: number; max: number; count: number }>;

/** @throws Error without a measurement. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  const middle = (sorted.length - 1) / 2;
  const [below, above] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  if (min === undefined || max === undefined || below === undefined || above === undefined)
    throw new Error("There is nothing to take the median of.");
  return { median: (below + above) / 2, min, max, count: sorted.length };
}

/**
 * How many times `b` each round's `a` is. Taken round by round, since what else the machine does changes more slowly
 * than sides alternate.
 */
export function ratioOf(a: readonly number[], b: readonly number[]): Spread {
  if (a.length !== b.length) throw new Error(`${a.length} measurements are compared with ${b.length}.`);
  return spreadOf(a.map((value, round) => value / (b[round] ?? Number.NaN)));
}

type Rounds = Readonly<{
  rounds: number;
  onRound?: (round: number) => void | Promise<void>;
  /** Before each measurement. */
  between?: () => Promise<void>;
}>;
type Sides<Name extends string> = Readonly<Record<Name, (round: number) => Promise<number>>>;

/**
 * Measures the sides in turn, so that no side has the quiet part of the run for itself. Every round begins with another
 * side: what one leaves behind (caches, dirty pages) meets each of the others.
 */
export async function interleave<Name extends string>(
  sides: Sides<Name>,
  { rounds, onRound = () => undefined, between = async () => undefined }: Rounds,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(sides) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    await onRound(round);
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      await between();
      measured[name].push(await sides[name](round));
    }
  }
  return measured;
}
