import { iso } from "../shared/clock.ts";
import { isStoreAway } from "../shared/error.ts";
import type { JobEvent, StaleNote } from "../shared/event.ts";
import type { JobId } from "../shared/job.ts";
import type { EventPage } from "../shared/store.ts";
import type { ApiDeps } from "./deps.ts";
import { type Asking, getJob } from "./jobs.ts";
import { linkSignals } from "./link-signals.ts";
import { type ReadPage, sharedPages } from "./shared-pages.ts";
import { type OpenWatch, sharedWatches } from "./shared-watches.ts";

export type EventQuery = Readonly<{ id: string; after?: string }>;
/** Where a stream begins: with a first page; or, the store being away, behind a cursor, of which nothing newer than `as_of` is known. */
export type StreamStart = Readonly<{ page: EventPage }> | Readonly<{ after?: string; as_of: string }>;
/** What a stream carries; undefined says that it lives. */
export type Followed = JobEvent | StaleNote | undefined;

/** One page behind the cursor. @throws AppError `not_found`, `invalid_request` for a cursor of another job. */
export async function readEvents(deps: ApiDeps, { id, after }: EventQuery, asking: Asking): Promise<EventPage> {
  const job = await getJob(deps, id, asking);
  return deps.store.events(job.id, after === undefined ? {} : { after });
}

/** The same for a stream, which may begin while the store is away, as long as there is a copy of the job. */
export async function openEvents(deps: ApiDeps, { id, after }: EventQuery, asking: Asking): Promise<StreamStart> {
  const job = await getJob(deps, id, asking);
  try {
    return { page: await deps.store.events(job.id, after === undefined ? {} : { after }) };
  } catch (error) {
    if (!isStoreAway(error)) throw error;
    return { as_of: job.as_of ?? iso(deps.clock.now()), ...(after === undefined ? {} : { after }) };
  }
}

type Following = Readonly<{ id: JobId; start: StreamStart; read?: ReadPage; watch?: OpenWatch }>;

/** The stream says that it lives at least this often. */
const keepAliveMs = 15_000;
/** A store that is away is asked again so soon. */
const awayMs = 1_000;

/**
 * The events of a job as they come, `undefined` where nothing came for 15 s; ends with the last event of a terminal
 * job, or when the caller is gone, the process ends or the stream is too old. While the store is away the stream stays, says so once, and goes
 * on where it was.
 */
export async function* followEvents(
  deps: ApiDeps,
  { id, start, read = sharedPages(deps), watch: open = sharedWatches(deps) }: Following,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const { clock, stopping, streamMs = Number.POSITIVE_INFINITY } = deps;
  const end = clock.uptime() + streamMs;
  let page: EventPage | undefined = "page" in start ? start.page : undefined;
  let after = "page" in start ? undefined : start.after;
  let asOf = "page" in start ? iso(clock.now()) : start.as_of;
  let isStale = false;
  using watch = open({ job: id, signal });
  const isOver = () => signal.aborted || stopping?.aborted || clock.uptime() >= end;
  for (let heard = clock.uptime(); ; ) {
    if (page) {
      asOf = iso(clock.now());
      after = page.next;
    }
    const note: StaleNote | undefined = page ? { stale: false } : { stale: true, source: "file", as_of: asOf };
    const silentMs = clock.uptime() - heard;
    const news: readonly Followed[] = [...(note.stale === isStale ? [] : [note]), ...(page?.events ?? [])];
    if (news.length > 0) yield* news;
    else if (silentMs >= keepAliveMs) yield undefined;
    isStale = note.stale;
    if (news.length > 0 || silentMs >= keepAliveMs) heard = clock.uptime();
    if ((page && page.next === undefined) || isOver()) return;
    const timeoutMs = Math.max(Math.min(keepAliveMs - (clock.uptime() - heard), end - clock.uptime()), 1);
    if (!page) {
      using link = linkSignals(signal, stopping);
      await clock.sleep(Math.min(timeoutMs, awayMs), link.signal);
    }
    watch.begin();
    page = await nextPage(read(id, after));
    if (page && page.events.length === 0 && page.next !== undefined && !isStale) await watch.wait(timeoutMs);
  }
}

/** Undefined while the store is away. */
const nextPage = (page: Promise<EventPage>): Promise<EventPage | undefined> =>
  page.catch((error: unknown) => {
    if (isStoreAway(error)) return undefined;
    throw error;
  });
