import { backOff, type Clock } from "../clock.ts";
import type { AppError } from "../error.ts";

/** Told when a call waits to be made again; `ms` is how long it waits now. */
export type OnPostponed = (error: AppError, ms: number) => void;

/** So long one call waits in all. A limit of requests per minute frees a turn within 75 s. */
const patienceMs = 75_000;
const pause = { baseMs: 1_000, capMs: 15_000 };

/**
 * For one call: waits as long as the server has asked for with its error, and at least a second, longer with each time; `false`, at
 * once, where it would take longer than the patience. @throws the signal's reason.
 */
export function patience({ clock, onPostponed }: Readonly<{ clock: Clock; onPostponed?: OnPostponed | undefined }>) {
  let leftMs = patienceMs;
  let tries = 0;
  return async (error: AppError, afterMs: number, signal: AbortSignal | undefined): Promise<boolean> => {
    const ms = Math.max(afterMs, backOff(tries++, pause));
    if (ms > leftMs) return false;
    leftMs -= ms;
    onPostponed?.(error, ms);
    await clock.sleep(ms, signal);
    signal?.throwIfAborted();
    return true;
  };
}
