import { isStoreAway } from "../shared/error.ts";
import type { ApiDeps } from "./deps.ts";
import type { Measured } from "./metrics.ts";
import { inTime } from "./readiness.ts";

/** What there is to measure now. A store that is away takes nothing from what this process knows itself. */
export async function measure({ store, clock, version, outlook }: ApiDeps): Promise<Measured> {
  const asked = Promise.all([store.counts(), store.runners()]);
  const answer = await inTime(asked, clock).catch((error: unknown) => {
    if (isStoreAway(error)) return undefined;
    throw error;
  });
  const spooled = await outlook?.spooled?.();
  return {
    version,
    storeErrors: outlook?.storeErrors() ?? {},
    ...(answer ? { store: { counts: answer[0], runners: answer[1] } } : {}),
    ...(spooled ? { spooled } : {}),
  };
}
