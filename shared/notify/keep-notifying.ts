import { backOff, type Clock, jittered } from "../clock.ts";
import type { JobStore } from "../store.ts";
import type { NotifyDeps } from "./deliver.ts";
import { openSender } from "./sender.ts";

type KeepDeps = NotifyDeps & Readonly<{ store: Pick<JobStore, "changed">; everyMs: number }>;

/** Between two tries while the store cannot be asked. */
const pause = { baseMs: 1_000, capMs: 15_000 };

/**
 * Sends what is due as soon as the store tells of it, what has failed when its time has come, and each `everyMs` whatever
 * was told; until the signal aborts. Without a secret or anybody to notify it does nothing.
 */
export async function keepNotifying(deps: KeepDeps, stop: AbortSignal): Promise<void> {
  const { store, allowed, secrets, clock, log, random, everyMs } = deps;
  if (allowed.length === 0 || secrets.length === 0) return;
  const alarm = anAlarm(clock, stop);
  const sender = openSender({ ...deps, onRetry: alarm.set }, stop);
  for (let failures = 0; !stop.aborted; ) {
    const over = new AbortController();
    // Both before what is due is asked for, so that nothing falls between.
    const rung = alarm.next();
    const signal = AbortSignal.any([stop, over.signal]);
    const told = store.changed({ notices: true, timeoutMs: jittered(everyMs, random), signal });
    try {
      await sender.sendDue();
      failures = 0;
      await Promise.race([told, rung]);
      over.abort();
    } catch (error) {
      over.abort();
      if (failures === 0) log.warn("notifications wait: the store could not be asked", { error });
      await clock.sleep(jittered(backOff(failures++, pause), random), stop);
    }
  }
  await sender.idle();
}

/** Times nearer to each other than this are one. */
const stepMs = 1_000;

/** Rings at each of the times that it was set to, until the signal aborts. */
function anAlarm(clock: Clock, stop: AbortSignal) {
  const times = new Set<number>();
  let ring = Promise.withResolvers<void>();
  return {
    set: (inMs: number): void => {
      const at = Math.ceil((clock.uptime() + inMs) / stepMs) * stepMs;
      if (times.has(at)) return;
      times.add(at);
      void clock.sleep(at - clock.uptime(), stop).then(() => {
        times.delete(at);
        ring.resolve();
      });
    },
    next: (): Promise<void> => {
      ring = Promise.withResolvers<void>();
      return ring.promise;
    },
  };
}
