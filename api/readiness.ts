import type { ApiDeps } from "./deps.ts";

/** A part that does not answer within this is down. */
const patienceMs = 2_000;

export type Part = Readonly<{ ok: boolean; error?: string }>;

/** Whether each part that a request needs answers now. */
export async function checkParts({ store, clock, log }: ApiDeps): Promise<Readonly<Record<string, Part>>> {
  const enough = new AbortController();
  const late = clock.sleep(patienceMs, enough.signal).then(() => "late" as const);
  try {
    const answer = await Promise.race([store.ping(), late]);
    return { store: answer === "late" ? { ok: false, error: "no answer within 2 s" } : { ok: true } };
  } catch (error) {
    log.warn("the store does not answer", { error });
    return { store: { ok: false, error: "it cannot be reached; the log has the reason" } };
  } finally {
    enough.abort();
  }
}
