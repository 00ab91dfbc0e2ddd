import { seeded } from "./random.ts";

/**
 * What may befall one request on its way (over plain TCP: what a client sends at once).
 * `lose-request`: the connection is reset and nobody has seen it. `lose-reply`: it is done, and then the connection is
 * reset. `hold`: nobody ever answers. `slow`: it waits. The rest are answers of somebody in between, over HTTP only.
 */
export type LinkFault = "lose-request" | "lose-reply" | "hold" | "slow" | "429" | "500" | "502";
export type FaultShares = Readonly<Partial<Record<LinkFault, number>>>;

export type FaultPlan = Readonly<{
  /** The share of requests that each befalls from now on, from 0 to 1; the rest passes. */
  misbehave(shares: FaultShares): void;
  /** These befall the next requests, in this order, whatever the shares are. */
  next(...faults: readonly (LinkFault | "pass")[]): void;
  fateOf(): LinkFault | "pass";
  /** How long a `slow` one waits, up to `slowMs`. */
  slowness(): number;
  /** How many of each there were. */
  counts(): Readonly<Record<string, number>>;
}>;

/** The same seed gives the same fates in the same order; which request meets which is up to their timing. */
export function faultPlan({ seed = 1, slowMs = 1_500 }: Readonly<{ seed?: number; slowMs?: number }> = {}): FaultPlan {
  const random = seeded(seed);
  const queue: (LinkFault | "pass")[] = [];
  const counts: Record<string, number> = {};
  let shares: readonly (readonly [LinkFault, number])[] = [];
  const drawn = (): LinkFault | "pass" => {
    let left = shares.length === 0 ? 1 : random.next();
    for (const [fault, share] of shares) {
      left -= share;
      if (left < 0) return fault;
    }
    return "pass";
  };
  return {
    misbehave: (wanted) => {
      shares = Object.entries(wanted) as [LinkFault, number][];
    },
    next: (...faults) => void queue.push(...faults),
    fateOf: () => {
      const fate = queue.shift() ?? drawn();
      counts[fate] = (counts[fate] ?? 0) + 1;
      return fate;
    },
    slowness: () => random.next() * slowMs,
    counts: () => ({ ...counts }),
  };
}
