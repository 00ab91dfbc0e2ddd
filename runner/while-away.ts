import { backOff, type Clock } from "../shared/clock.ts";
import { isStoreAway } from "../shared/error.ts";

type Patience = Readonly<{
  clock: Clock;
  /** The longest pause between tries, milliseconds. */
  capMs: number;
  /** No lease, no patience: it aborts when the lease is over. */
  signal: AbortSignal;
}>;

/**
 * Asks the store, and while it is away again until it answers: an outage alone ends no attempt as long as its lease lasts.
 * @throws the signal's reason when it aborts; whatever else `ask` throws.
 */
export async function whileAway<T>(ask: () => Promise<T>, { clock, capMs, signal }: Patience): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isStoreAway(error)) throw error;
    }
    signal.throwIfAborted();
    await clock.sleep(backOff(tries, { baseMs: Math.min(250, capMs), capMs }), signal);
    signal.throwIfAborted();
  }
}

/** The same, with pauses as long as those between renewals that fail. */
export const patiently = <T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  { clock, times }: Readonly<{ clock: Clock; times: Readonly<{ urgentMs: number }> }>,
): Promise<T> => whileAway(ask, { clock, capMs: times.urgentMs, signal });
