import { backOff, type Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import type { Log } from "../../log.ts";

/** How long a wire waits, in milliseconds. */
export type WireLimits = Readonly<{
  /** One try. */
  tryMs: number;
  /** One call, with all its tries and the pauses between them. */
  callMs: number;
  /** One call while the wire is down; but for one each `probeMs`, which finds out whether it still is. */
  downMs: number;
  probeMs: number;
}>;

export const wireLimits: WireLimits = { tryMs: 5_000, callMs: 10_000, downMs: 1_000, probeMs: 15_000 };

type PassingFacts = Readonly<{
  /** What the other side asked for, in milliseconds. */
  afterMs?: number;
  remedy?: string;
}>;

/** A try that failed for a reason that may pass: what was sent may or may not have been done. */
export class Passing extends Error {
  readonly facts: PassingFacts;
  constructor(reason: string, facts: PassingFacts = {}) {
    super(reason);
    this.facts = facts;
  }
}

/** A try that had its time. */
export class Late extends Passing {
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`);
  }
}

export type Patience = Readonly<{
  /** Tries until one gives an answer, or an error that no further try would change. @throws AppError `store_unavailable` when the time is up. */
  persist<T>(what: string, attempt: (ms: number) => Promise<T>): Promise<T>;
}>;

type Options = Readonly<{
  /** `Redis at HOST`, for people. */
  place: string;
  clock: Clock;
  random: () => number;
  log: Log;
  limits: WireLimits;
}>;

/** Pauses between tries: full jitter, so that callers who failed together do not come back together. */
const pause = { baseMs: 100, capMs: 2_000 };

/**
 * The tries of all calls of one wire. Once a call has had its time in vain the wire is down: others then fail soon, so
 * that whoever can do without the store is not held up again and again, until a try gets through.
 */
export function patience({ place, clock, random, log, limits }: Options): Patience {
  let down: { since: number; probeAt: number } | undefined;
  const reached = () => {
    if (down) log.info(`${place} answers again`, { down_ms: Math.round(clock.uptime() - down.since) });
    down = undefined;
  };
  const allowance = (now: number): number => {
    if (down === undefined) return limits.callMs;
    if (now < down.probeAt) return Math.min(limits.callMs, limits.downMs);
    down.probeAt = now + limits.probeMs;
    return limits.callMs;
  };
  const givenUp = (what: string, ms: number, last: Passing) => {
    const now = clock.uptime();
    if (down === undefined) {
      down = { since: now, probeAt: now + limits.probeMs };
      log.warn(`${place} is away`, { reason: last.message });
    }
    return new AppError(
      "store_unavailable",
      `${place} gave no answer to ${what} within ${seconds(ms)}: ${last.message}.`,
      {
        remedy:
          last.facts.remedy ?? `Check that it runs and can be reached from here; \`agenticore doctor\` looks at it.`,
      },
    );
  };
  return {
    async persist(what, attempt) {
      const start = clock.uptime();
      const ms = allowance(start);
      let last: Passing | undefined;
      for (let tries = 0; ; tries++) {
        const left = start + ms - clock.uptime();
        try {
          const answer = await attempt(Math.max(1, Math.min(limits.tryMs, left)));
          reached();
          return answer;
        } catch (thrown) {
          if (!(thrown instanceof Passing)) {
            reached();
            throw thrown;
          }
          // That the last try was cut short says less than why the one before it failed.
          last = thrown instanceof Late && last !== undefined && left < limits.tryMs ? last : thrown;
          const wait = thrown.facts.afterMs ?? random() * backOff(tries, pause);
          if (clock.uptime() + wait >= start + ms) throw givenUp(what, ms, last);
          await clock.sleep(wait);
        }
      }
    },
  };
}

const seconds = (ms: number): string => `${Number((ms / 1000).toPrecision(2))} s`;
