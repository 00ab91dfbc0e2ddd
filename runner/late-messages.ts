import { isStoreAway } from "../shared/error.ts";
import type { LeaseKeeper } from "./keep-lease.ts";

/**
 * Whether a message was accepted while Claude came to its end, which another attempt has to hear. One that was there when
 * this attempt began is none: what Claude never takes up must not begin attempts for ever. A store that is away is not waited for: nobody can
 * say anything meanwhile, and an end that is not on the disk yet would be lost with this process.
 */
export async function cameLate(keeper: Pick<LeaseKeeper, "flush" | "unheard">): Promise<boolean> {
  await keeper.flush().catch((error: unknown) => {
    if (!isStoreAway(error)) throw error;
  });
  return keeper.unheard("new").length > 0;
}

/** For the job, where one came later still. */
export const notHeard =
  "A message came when Claude had ended, and was not read: submit what it says with the job's `session_id`.";
