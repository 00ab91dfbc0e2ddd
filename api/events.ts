import type { JobEvent } from "../shared/event.ts";
import type { JobId } from "../shared/job.ts";
import type { EventPage } from "../shared/store.ts";
import type { ApiDeps } from "./deps.ts";
import { type Asking, getJob } from "./jobs.ts";
import { linkSignals } from "./link-signals.ts";
import { changed } from "./wait.ts";

export type EventQuery = Readonly<{ id: string; after?: string }>;

/** One page behind the cursor. @throws AppError `not_found`, `invalid_request` for a cursor of another job. */
export async function readEvents(deps: ApiDeps, { id, after }: EventQuery, asking: Asking): Promise<EventPage> {
  const job = await getJob(deps, id, asking);
  return deps.store.events(job.id, after === undefined ? {} : { after });
}

/** The stream says that it lives at least this often. */
const keepAliveMs = 15_000;

/**
 * The events behind a first page as they come, `undefined` where nothing came for 15 s; ends with the last
 * event of a terminal job, or when the caller is gone or the process ends.
 */
export async function* followEvents(
  deps: ApiDeps,
  { id, first }: Readonly<{ id: JobId; first: EventPage }>,
  signal: AbortSignal,
): AsyncGenerator<JobEvent | undefined> {
  const { store, clock, stopping } = deps;
  let page = first;
  for (let heard = clock.uptime(); ; ) {
    const silentMs = clock.uptime() - heard;
    if (page.events.length > 0) yield* page.events;
    else if (silentMs >= keepAliveMs) yield undefined;
    if (page.events.length > 0 || silentMs >= keepAliveMs) heard = clock.uptime();
    if (page.next === undefined || signal.aborted || stopping?.aborted) return;
    using link = linkSignals(signal, stopping);
    const timeoutMs = Math.max(keepAliveMs - (clock.uptime() - heard), 1);
    const hint = changed(deps, { job: id, timeoutMs, signal: link.signal });
    page = await store.events(id, { after: page.next });
    if (page.events.length === 0 && page.next !== undefined) await hint;
  }
}
