import { jittered } from "../clock.ts";
import { deliverNotices, type NotifyDeps } from "./deliver.ts";

/** Sends what is due, again and again, until the signal aborts. Without a secret or anybody to notify it does nothing. */
export async function keepNotifying(
  deps: NotifyDeps & Readonly<{ everyMs: number }>,
  stop: AbortSignal,
): Promise<void> {
  const { allowed, secrets, clock, log, random, everyMs } = deps;
  if (allowed.length === 0 || secrets.length === 0) return;
  for (let failing = false; !stop.aborted; ) {
    try {
      await deliverNotices(deps, stop);
      failing = false;
    } catch (error) {
      if (!failing) log.warn("notifications wait: the store could not be asked", { error });
      failing = true;
    }
    await clock.sleep(jittered(everyMs, random), stop);
  }
}
