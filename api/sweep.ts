import { jittered } from "../shared/clock.ts";
import type { DoorOptions } from "./assemble.ts";

/** What no runner does while none asks: leases that ran out, queue times, old jobs. Until the signal aborts. */
export async function sweepUntil(stop: AbortSignal, options: DoorOptions): Promise<void> {
  const { store, clock, log, sweepMs = 5_000 } = options;
  for (let failing = false; !stop.aborted; ) {
    try {
      const changed = await store.sweep();
      if (changed.length > 0) log.info("swept", { jobs: changed.length });
      failing = false;
    } catch (error) {
      if (!failing) log.warn("the store could not be swept", { error });
      failing = true;
    }
    await clock.sleep(jittered(sweepMs, Math.random), stop);
  }
}
