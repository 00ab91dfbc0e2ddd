import type { LeaseKeeper } from "./keep-lease.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { patiently } from "./while-away.ts";

/**
 * Whether a message was accepted while Claude came to its end, which another attempt has to hear. One that was there when
 * this attempt began is none: what Claude never takes up must not begin attempts for ever.
 */
export async function cameLate(
  keeper: Pick<LeaseKeeper, "flush" | "unheard">,
  signal: AbortSignal,
  deps: Pick<RunnerDeps, "clock" | "times">,
): Promise<boolean> {
  await patiently(() => keeper.flush(), signal, deps);
  return keeper.unheard("new").length > 0;
}

/** For the job, where one came later still. */
export const notHeard =
  "A message came when Claude had ended, and was not read: submit what it says with the job's `session_id`.";
