/** Random numbers that come again with the same seed (mulberry32). */
export type Random = Readonly<{
  next: () => number;
  /** A whole number from 0, below `n`. */
  below: (n: number) => number;
  pick: <const T>(items: readonly [T, ...T[]]) => T;
}>;

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { next, below, pick: (items) => items[below(items.length)] ?? items[0] };
}
