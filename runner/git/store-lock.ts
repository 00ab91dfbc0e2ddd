import type { Clock } from "../../shared/clock.ts";
import { backOff, jittered } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import type { JobStore } from "../../shared/store.ts";

/** What a writer has while it may write. */
export type Right = Readonly<{
  /** Aborts when the caller goes, or when the lock is lost: whatever runs under it must end then. */
  signal: AbortSignal | undefined;
  /** Call it before a step that cannot be undone. @throws the reason for which the step must not be done any more. */
  prove: () => void;
}>;

export type StoreLock = <T>(
  ask: Readonly<{ name: string; waitMs: number; signal: AbortSignal | undefined }>,
  work: (right: Right) => Promise<T>,
) => Promise<T>;

export type StoreLockDeps = Readonly<{
  store: Pick<JobStore, "takeLock" | "dropLock">;
  clock: Clock;
  random: () => number;
  /** Each hold is another owner: no reply that was lost is taken for somebody else's lock, and nobody drops another's. */
  newId: () => string;
  log: (sentence: string) => void;
  ttlMs?: number;
}>;

/** The last tenth of a lock's time is for a git to end in: run-git.ts gives it 2 s. */
const usable = 0.9;

/**
 * One writer over all machines: a lock in the store, for folders that several machines write to. It is renewed every
 * third of its time. Once it was not renewed for nine tenths of that, counted from when the renewal was sent, it
 * is lost here before anybody can have it there: the work's signal aborts, and whatever the work did is a failure.
 * @throws AppError `clone_failed` when another has it for all of `waitMs`, `store_unavailable` when the store does not
 * answer for so long or the lock was lost; the signal's reason when that aborts.
 */
export function makeStoreLock(deps: StoreLockDeps): StoreLock {
  const { clock, store, log, newId, ttlMs = 60_000 } = deps;
  return async ({ name, waitMs, signal }, work) => {
    const lock = { name, owner: newId(), ttlMs };
    try {
      const hold = keep(deps, lock, await take(deps, lock, { waitMs, signal }));
      const both = signal === undefined ? hold.lost : AbortSignal.any([signal, hold.lost]);
      const prove = () => {
        hold.look(clock.uptime());
        both.throwIfAborted();
      };
      try {
        const answer = await work({ signal: both, prove });
        hold.look(clock.uptime());
        hold.lost.throwIfAborted();
        return answer;
      } finally {
        await hold.end();
      }
    } finally {
      // Also where taking it failed: the store may have given it, and only the answer was lost.
      await store
        .dropLock({ name, owner: lock.owner })
        .catch((error: unknown) => log(`the lock ${name} ends in ${ttlMs} ms by itself: ${String(error)}`));
    }
  };
}

type Lock = Readonly<{ name: string; owner: string; ttlMs: number }>;
type Wait = Readonly<{ waitMs: number; signal: AbortSignal | undefined }>;

/** @returns when the request that got it was sent; milliseconds of `uptime`. */
async function take({ store, clock, random }: StoreLockDeps, lock: Lock, { waitMs, signal }: Wait): Promise<number> {
  const endsAt = clock.uptime() + waitMs;
  for (let tries = 0; ; tries += 1) {
    signal?.throwIfAborted();
    const sentAt = clock.uptime();
    const answer = await store.takeLock(lock).catch((error: unknown) => ({ error }));
    signal?.throwIfAborted();
    if (answer === true && clock.uptime() < sentAt + lock.ttlMs * usable) return sentAt;
    if (clock.uptime() >= endsAt) throw waitedInVain(lock, waitMs, typeof answer === "object" ? answer : undefined);
    await clock.sleep(jittered(backOff(tries, { baseMs: 50, capMs: 2_000 }), random), signal);
  }
}

function waitedInVain({ name }: Lock, waitMs: number, trouble: Readonly<{ error: unknown }> | undefined): AppError {
  const seconds = Math.round(waitMs / 1000);
  if (trouble === undefined)
    return new AppError("clone_failed", `another runner holds the lock ${name} for more than ${seconds} s`, {
      remedy: "Look on the other runners for a git that hangs, or try again later.",
    });
  return new AppError("store_unavailable", `the lock ${name} could not be taken for ${seconds} s`, {
    cause: trouble.error,
  });
}

/** Renews until `end`. `lost` aborts as soon as the lock may be another's. */
function keep({ store, clock, log }: StoreLockDeps, lock: Lock, takenAt: number) {
  const over = new AbortController();
  const lost = new AbortController();
  const gone = AbortSignal.any([over.signal, lost.signal]);
  let until = takenAt + lock.ttlMs * usable;

  const lose = (why: string) =>
    lost.abort(
      new AppError("store_unavailable", `the lock ${lock.name} was lost while git was at work: ${why}`, {
        remedy: "Nothing to do: the job is tried again. If it comes often, look at the store and at this box's load.",
      }),
    );
  // Timers may be late, as after a stop of the whole process: whoever is about to act looks for himself.
  const look = (now: number) => {
    if (now >= until && !gone.aborted) lose(`it was not renewed for ${Math.round(lock.ttlMs * usable)} ms`);
  };
  async function renew(): Promise<void> {
    let pauseMs = lock.ttlMs / 3;
    while (!gone.aborted) {
      await clock.sleep(pauseMs, gone);
      const sentAt = clock.uptime();
      look(sentAt);
      if (gone.aborted) return;
      try {
        if (!(await store.takeLock(lock))) return lose("another runner has it");
        // What came after the end does not count: another may have had it in between.
        look(clock.uptime());
        until = sentAt + lock.ttlMs * usable;
        pauseMs = lock.ttlMs / 3;
      } catch (error) {
        log(`the lock ${lock.name} could not be renewed: ${String(error)}`);
        pauseMs = lock.ttlMs / 12;
      }
    }
  }
  async function watch(): Promise<void> {
    while (!gone.aborted) {
      await clock.sleep(until - clock.uptime(), gone);
      look(clock.uptime());
    }
  }
  const working = Promise.all([renew(), watch()]);
  return {
    lost: lost.signal,
    look,
    end: async () => {
      over.abort();
      await working;
    },
  };
}
