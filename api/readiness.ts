import type { Clock } from "../shared/clock.ts";
import type { ApiDeps } from "./deps.ts";

/** A part that does not answer within this is down. */
const patienceMs = 2_000;

export type Part = Readonly<{ ok: boolean; error?: string; waiting?: number }>;

/** Each part, and whether it is as it should be now; `spool` tells how many jobs wait on this disk, and is no fault. */
export async function checkParts(deps: ApiDeps): Promise<Readonly<Record<string, Part>>> {
  const [store, spooled] = await Promise.all([checkStore(deps), deps.outlook?.spooled?.()]);
  return { store, ...(spooled ? { spool: { ok: true, waiting: spooled.submissions } } : {}) };
}

async function checkStore({ store, clock, log }: ApiDeps): Promise<Part> {
  try {
    const answer = await inTime(
      store.ping().then(() => "here" as const),
      clock,
    );
    return answer ? { ok: true } : { ok: false, error: "no answer within 2 s" };
  } catch (error) {
    log.warn("the store does not answer", { error });
    return { ok: false, error: "it cannot be reached; the log has the reason" };
  }
}

/** The answer, or undefined where it takes longer than a part may take. */
export async function inTime<T>(answer: Promise<T>, clock: Clock): Promise<T | undefined> {
  const enough = new AbortController();
  const late = clock.sleep(patienceMs, enough.signal).then(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    enough.abort();
    answer.catch(() => undefined); // it may fail when nobody waits for it any more
  }
}
