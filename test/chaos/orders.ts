import { seeded } from "../support/random.ts";

/** What one client asks for, and what it does about it afterwards. Milliseconds. */
export type Order = Readonly<{
  /** The idempotency key. */
  key: string;
  atMs: number;
  task: string;
  /** In a repository: then there is a worktree, and a branch at the end. */
  inRepo: boolean;
  /** How often it is sent at once. */
  copies: number;
  /** Once more, that much later. */
  againMs?: number;
  cancelMs?: number;
  messageMs?: number;
  /** Its events are followed to the end. */
  follows: boolean;
  /** Which API is asked first: from 0, below 1. */
  choice: number;
}>;

/** With `beats` all work takes that long. */
export type OrderOptions = Readonly<{
  seed: number;
  durationMs: number;
  everyMs: number;
  repoShare: number;
  beats?: number;
}>;

/** The work of a run: short and long, some in a repository, sent twice, cancelled, spoken to, stubborn, with daemons. */
export function placeOrders({ seed, durationMs, everyMs, repoShare, ...fixed }: OrderOptions): readonly Order[] {
  // Its own numbers: more or other faults leave the work as it was.
  const random = seeded(seed ^ 0x5eed);
  const orders: Order[] = [];
  const sometimes = <T>(share: number, value: () => T): T | undefined => (random.next() < share ? value() : undefined);
  for (let atMs = 0, number = 1; atMs < durationMs; number += 1) {
    const length = random.next();
    const drawn = length < 0.6 ? 4 + random.below(26) : length < 0.85 ? 40 + random.below(60) : 100 + random.below(200);
    const beats = fixed.beats ?? drawn;
    const inRepo = random.next() < repoShare;
    const traits = [
      sometimes(0.1, () => "stubborn"),
      sometimes(0.2, () => "child"),
      inRepo ? `file=work-${number}.txt` : undefined,
    ].filter((trait) => trait !== undefined);
    const againMs = sometimes(0.15, () => random.below(5_000));
    const cancelMs = sometimes(0.12, () => random.below(4_000));
    const messageMs = sometimes(0.12, () => random.below(3_000));
    orders.push({
      key: `chaos-${seed}-${number}`,
      atMs: Math.round(atMs),
      task: `Chaos ${number}: beats=${beats} ${traits.join(" ")}`,
      inRepo,
      follows: random.next() < 0.1,
      copies: random.next() < 0.15 ? 2 + random.below(6) : 1,
      ...(againMs === undefined ? {} : { againMs }),
      ...(cancelMs === undefined ? {} : { cancelMs }),
      ...(messageMs === undefined ? {} : { messageMs }),
      choice: random.next(),
    });
    atMs += everyMs * 2 * random.next();
  }
  return orders;
}
