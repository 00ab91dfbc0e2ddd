import { isStoreAway } from "../shared/error.ts";
import type { JobEvent } from "../shared/event.ts";
import { type Job, JobId } from "../shared/job.ts";
import type { EventPage } from "../shared/store.ts";
import type { ApiDeps } from "./deps.ts";
import { type Asking, getJob } from "./jobs.ts";
import { linkSignals } from "./link-signals.ts";
import { changed } from "./wait.ts";

export type AwaitQuery = Readonly<{
  id: string;
  /** Events behind this cursor; without it, from the first. */
  after?: string;
  /** How long to stay where there is nothing to tell. */
  seconds: number;
  /** At most so many events in an answer. */
  limit: number;
  /** `end`: stays until the job is terminal, and tells of the last events alone. */
  until: "event" | "end";
}>;
export type Awaited = Readonly<{ job: Job; events: readonly JobEvent[]; next?: string }>;

/** A hint that was lost costs no more than this; a store that is away is asked again so soon. */
const rereadMs = 10_000;
const awayMs = 1_000;

/**
 * The job and its events behind a cursor: as soon as there is one, when the job ends, after the seconds, or when the
 * process ends. `next` is the cursor for the next call, absent at the end of a terminal job.
 * @throws AppError `not_found`, `invalid_request` for a cursor of another job, `store_unavailable` where it was away at the end too.
 */
export async function awaitEvents(deps: ApiDeps, query: AwaitQuery, asking: Asking): Promise<Awaited> {
  const { store, clock, stopping } = deps;
  const { limit, until } = query;
  const { id } = await getJob(deps, query.id, asking);
  const deadline = clock.uptime() + query.seconds * 1000;
  let after = query.after;
  let events: readonly JobEvent[] = [];
  for (;;) {
    using link = linkSignals(asking.signal, stopping);
    const leftMs = deadline - clock.uptime();
    const isOver = leftMs <= 0 || link.signal.aborted;
    // Asked for before the page is read: what comes in between is not missed.
    const timeoutMs = Math.min(Math.max(leftMs, 0), rereadMs);
    const hint = changed(deps, { job: JobId.parse(id), timeoutMs, signal: link.signal });
    const page = await store.events(id, { limit, ...(after === undefined ? {} : { after }) }).catch(away(isOver));
    after = page?.next ?? after;
    events = [...events, ...(page?.events ?? [])].slice(-limit);
    const isEnd = page !== undefined && page.next === undefined;
    if (isEnd || isOver || (events.length > 0 && until === "event"))
      return { job: await getJob(deps, id, asking), events, ...(isEnd || after === undefined ? {} : { next: after }) };
    if (!page) await Promise.race([hint, clock.sleep(Math.min(leftMs, awayMs), link.signal)]);
    else if (page.events.length === 0) await hint;
  }
}

/** Undefined while the store is away and there is time left. */
const away =
  (isOver: boolean) =>
  (error: unknown): EventPage | undefined => {
    if (isStoreAway(error) && !isOver) return undefined;
    throw error;
  };
