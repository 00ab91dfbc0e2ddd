/** Virtual time for everybody in a simulation: one thing happens after the other, in an order that comes again. */
export type Timeline = Readonly<{
  /** Whole milliseconds since the beginning. */
  now(): number;
  /** Does it at that time, or now if that is over; what was asked for first goes first. Gives what takes it back. */
  at(ms: number, act: () => unknown): () => void;
  /** Lets time pass until there is nothing to do any more, or `until` holds. */
  run(until: () => boolean): Promise<void>;
}>;

type Entry = { ms: number; act: (() => unknown) | undefined };

/** `pass` is told of each step of time before what happens then. */
export function openTimeline(pass: (ms: number) => unknown): Timeline {
  /** By time, what was asked for first in front. */
  const entries: Entry[] = [];
  let now = 0;
  return {
    now: () => now,
    at: (wanted, act) => {
      const ms = Math.max(now, Math.ceil(wanted));
      const entry: Entry = { ms, act };
      let place = entries.length;
      while (place > 0 && (entries[place - 1]?.ms ?? 0) > ms) place -= 1;
      entries.splice(place, 0, entry);
      return () => {
        entry.act = undefined;
      };
    },
    run: async (until) => {
      while (!until()) {
        const next = entries.shift();
        if (next === undefined) return;
        if (next.act === undefined) continue;
        if (next.ms > now) await pass(next.ms - now);
        now = next.ms;
        await next.act();
        await settled();
      }
    },
  };
}

/** Everything that follows from what has just happened has happened: promises are settled before the next immediate. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
