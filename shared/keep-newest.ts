/**
 * Puts a value into a map as its newest, and forgets the oldest tenth where there are more than `most` then. Many at once: what
 * goes leaves a gap at the beginning of a map, which every later look at its oldest would have to cross.
 */
export function keepNewest<K, V>(all: Map<K, V>, [key, value]: readonly [K, V], most: number): void {
  all.delete(key);
  all.set(key, value);
  if (all.size <= most) return;
  const left = Math.max(1, Math.floor(most * 0.9));
  for (const oldest of all.keys()) {
    if (all.size <= left) return;
    all.delete(oldest);
  }
}
