/** Counts by size, as Prometheus has them: `counts[i]` of what is at most `bounds[i]` and more than the bound before; the last of what is more than all. */
export type Histogram = Readonly<{ bounds: readonly number[]; counts: readonly number[]; sum: number }>;

export const emptyHistogram = (bounds: readonly number[]): Histogram => ({
  bounds,
  counts: [...bounds, Number.POSITIVE_INFINITY].map(() => 0),
  sum: 0,
});

export function counted({ bounds, counts, sum }: Histogram, value: number): Histogram {
  const at = bounds.findIndex((bound) => value <= bound);
  const place = at === -1 ? bounds.length : at;
  return { bounds, counts: counts.map((count, index) => (index === place ? count + 1 : count)), sum: sum + value };
}
