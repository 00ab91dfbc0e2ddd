import { type Clock, jittered } from "../shared/clock.ts";
import type { Log } from "../shared/log.ts";
import type { JobStore, RunnerRecord } from "../shared/store.ts";

type Deps = Readonly<{ store: JobStore; clock: Clock; log: Log; random: () => number }>;
type Announcing = Readonly<{
  /** The runner's id. */
  runner: string;
  /** What there is to say just now. */
  record: () => Promise<RunnerRecord>;
  /** Milliseconds from one announcement to the next while nothing changes; readers take a runner for gone after 90 s. */
  everyMs: number;
  /** Somebody asked it to drain; told once. */
  onDrain: () => void;
}>;

/** Tells the store what this runner does, and learns from it that it shall drain. */
export type Announcer = AsyncDisposable &
  Readonly<{
    /** What is said has changed: at once, or a second after the last announcement. */
    soon: () => void;
  }>;

/** At least between two announcements, so that a hundred changes at once are one or two. */
const pauseMs = 1_000;
const retryMs = 5_000;

/**
 * Announces the runner at once, when something has changed, and now and then; after a failure again in 5 s. A drain that
 * is asked for elsewhere is learnt of as soon as the store tells that something was asked. Disposing ends it.
 */
export function keepAnnounced(
  { store, clock, log, random }: Deps,
  { runner, record, everyMs, onDrain }: Announcing,
): Announcer {
  const over = new AbortController();
  let wake = new AbortController();
  let isDraining = false;

  /** True when it was told. */
  async function announce(): Promise<boolean> {
    try {
      const { drain } = await store.announce(await record());
      if (drain && !isDraining) {
        isDraining = true;
        onDrain();
      }
      return true;
    } catch (error) {
      log.warn("the runner could not be announced", { error: String(error) });
      return false;
    }
  }
  async function announcing(): Promise<void> {
    while (!over.signal.aborted) {
      wake = new AbortController();
      const signal = AbortSignal.any([wake.signal, over.signal]);
      const waitMs = jittered(everyMs, random);
      // Before the announcement, so that no drain falls between its answer and the wait.
      const asked = store.changed({ runner, timeoutMs: waitMs, signal });
      const isTold = await announce();
      await clock.sleep(isTold ? pauseMs : retryMs, over.signal);
      if (isTold) await asked;
      wake.abort();
    }
  }
  const loop = announcing();
  return {
    soon: () => wake.abort(),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await loop;
    },
  };
}
