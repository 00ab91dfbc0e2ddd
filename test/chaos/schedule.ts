import { seeded } from "../support/random.ts";

/** How often each comes in a round of all, and how long it lasts: the middle of what is chosen, in milliseconds or leases. */
const kinds = {
  /** kill -9 of a runner's process alone, and of its whole process group. */
  "runner killed": { share: 4, leases: 0.5 },
  "runner's group killed": { share: 3, leases: 0.5 },
  /** SIGSTOP, beyond the lease. */
  "runner stopped": { share: 4, leases: 1.6 },
  /** The wall clock of a runner jumps by hours. */
  "runner's clock jumps": { share: 2, ms: 1_000 },
  /** SIGTERM, and a second one before the first has had its way. */
  "runner drained": { share: 2, ms: 500 },
  "runner drained, then stopped": { share: 2, ms: 500 },
  "warden killed": { share: 4, ms: 0 },
  "Claude killed": { share: 2, ms: 0 },
  "API killed": { share: 2, ms: 1_000 },
  "Redis killed": { share: 2, ms: 1_000 },
  /** SIGSTOP: connections stay open and nobody answers. */
  "Redis stopped": { share: 1, leases: 0.4 },
  "bridge killed": { share: 1, ms: 1_000 },
  /** A way to the store swallows everything, beyond the lease and for less. */
  "link cut": { share: 3, leases: 1.6 },
  "link cut for a moment": { share: 3, leases: 0.4 },
  /** For a while some of what passes is lost before it is done, or its reply is; or somebody in between answers. */
  "link loses requests": { share: 3, ms: 3_000 },
  "link loses replies": { share: 3, ms: 3_000 },
  "link answers 429": { share: 1, ms: 2_000 },
  "link answers 500": { share: 1, ms: 2_000 },
  "link answers with HTML": { share: 1, ms: 2_000 },
  "link is slow": { share: 2, ms: 3_000 },
} as const satisfies Readonly<Record<string, Readonly<{ share: number; ms?: number; leases?: number }>>>;

export type FaultKind = keyof typeof kinds;
export const faultKinds = Object.keys(kinds) as readonly FaultKind[];

/** All but the parts' own timing comes from the seed. */
export type Fault = Readonly<{
  /** Milliseconds since the beginning. */
  atMs: number;
  kind: FaultKind;
  /** How long it lasts, or how long what was killed stays away. */
  forMs: number;
  /** Which of those that there are: from 0, below 1. */
  choice: number;
}>;

export type ScheduleOptions = Readonly<{
  seed: number;
  durationMs: number;
  leaseMs: number;
  /** Between two faults, on average. */
  everyMs: number;
}>;

/** Each round holds every kind as often as its share says, shuffled: short runs see all of them too. */
export function scheduleFaults({ seed, durationMs, leaseMs, everyMs }: ScheduleOptions): readonly Fault[] {
  const random = seeded(seed);
  const faults: Fault[] = [];
  let round: FaultKind[] = [];
  for (let atMs = 0; ; ) {
    atMs += Math.round(everyMs * (0.2 + 1.6 * random.next()));
    if (atMs >= durationMs) return faults;
    if (round.length === 0) round = newRound();
    const [kind] = round.splice(random.below(round.length), 1);
    if (kind === undefined) return faults;
    faults.push({ atMs, kind, forMs: Math.round(lasts(kind, leaseMs) * (0.5 + random.next())), choice: random.next() });
  }
}

const newRound = (): FaultKind[] => faultKinds.flatMap((kind) => Array.from({ length: kinds[kind].share }, () => kind));

function lasts(kind: FaultKind, leaseMs: number): number {
  const time = kinds[kind];
  return "leases" in time ? time.leases * leaseMs : time.ms;
}

/** One line for each fault, as `main` prints it. */
export const describeFault = ({ atMs, kind, forMs, choice }: Fault): string =>
  `${(atMs / 1000).toFixed(1).padStart(7)} s  ${kind.padEnd(30)} ${String(forMs).padStart(6)} ms  ${choice.toFixed(3)}`;
