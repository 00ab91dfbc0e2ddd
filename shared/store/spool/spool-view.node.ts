import type { Clock } from "../../clock.ts";
import type { Job, JobId } from "../../job.ts";
import type { EventPage } from "../../store.ts";
import type { SpoolFolder } from "./spool-folder.node.ts";
import { endedEvents, spoolCursor, waitingJob } from "./spooled-job.ts";

const readsAtOnce = 16;
/** Another process of the box may bring a job to the store, and does not say so here. */
const lookMs = 2_000;

/** What the spool can say of jobs that the store does not know, or cannot be asked about. */
export function openSpoolView(folder: SpoolFolder, clock: Clock) {
  const waiters = new Map<AbortController, JobId>();
  const known = new Set<JobId>();

  async function find(id: JobId, tenant?: string): Promise<Job | undefined> {
    const file = await folder.submission(id);
    if (file) return isOf(file, tenant) ? waitingJob(file, await folder.cancelled(id)) : undefined;
    const ended = await folder.ended(id);
    return ended && isOf(ended, tenant) ? ended.job : undefined;
  }

  const left = (id: JobId): void => {
    known.delete(id);
    for (const [wake, job] of waiters) if (job === id) wake.abort();
  };

  return {
    find,
    /** True for one that is still to be brought to the store. */
    waits: async (id: JobId, tenant?: string): Promise<boolean> => {
      const file = await folder.submission(id);
      return file !== undefined && isOf(file, tenant);
    },
    all: async (tenant?: string): Promise<Job[]> => {
      const ids = [...(await folder.waiting()), ...(await folder.endings())];
      const jobs: Job[] = [];
      for (let start = 0; start < ids.length; start += readsAtOnce) {
        const some = await Promise.all(ids.slice(start, start + readsAtOnce).map((id) => find(id, tenant)));
        jobs.push(...some.filter((job) => job !== undefined));
      }
      return jobs;
    },
    /** Undefined where the spool knows nothing of the job. */
    events: async (id: JobId, after?: string): Promise<EventPage | undefined> => {
      if (await folder.submission(id)) return { events: [], next: spoolCursor };
      const ended = await folder.ended(id);
      return ended && endedEvents(ended, after);
    },
    /** Resolves when the job may have left the spool, after `timeoutMs` (at most 2 s), or on abort. */
    changed: async (id: JobId, { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): Promise<void> => {
      const wake = new AbortController();
      const abort = () => wake.abort();
      waiters.set(wake, id);
      signal?.addEventListener("abort", abort, { once: true });
      if (!signal?.aborted) await clock.sleep(Math.min(timeoutMs, lookMs), wake.signal);
      signal?.removeEventListener("abort", abort);
      waiters.delete(wake);
    },
    /** True for a job that this process has seen wait in the spool, and not leave it. */
    isKnown: (id: JobId): boolean => known.has(id),
    came: (id: JobId): void => void known.add(id),
    left,
    /** These wait now, and no others: another process may have brought the rest to the store. */
    waiting: (ids: readonly JobId[]): void => {
      for (const id of known) if (!ids.includes(id)) left(id);
      for (const id of ids) known.add(id);
    },
  };
}

const isOf = (file: Readonly<{ tenant: string }>, tenant?: string): boolean =>
  tenant === undefined || file.tenant === tenant;
