import type { Clock } from "../clock.ts";
import { isStoreAway } from "../error.ts";
import { isTerminal, type Job, type JobId } from "../job.ts";
import type { Log } from "../log.ts";
import { noticeJob } from "../notice-store.ts";
import type { JobStore } from "../store.ts";
import { openCopies } from "./job-files/copies.node.ts";
import { openFileAnswers } from "./job-files/file-answers.node.ts";
import { type JobCopy, openJobFolder } from "./job-files/job-folder.node.ts";

export type JobFilesOptions = Readonly<{
  /** `AGENTICORE_JOBS_DIR`. */
  dir: string;
  clock: Clock;
  log: Log;
  /** The process has more important things to do than to write copies. */
  isBusy?: () => boolean;
}>;

/** A copy outlives its job by this long. */
const afterTtlMs = 24 * 3_600_000;
const betweenCleanUpsMs = 3_600_000;

/**
 * The store with a readable copy of each job beside it: `{dir}/{id}.json`, written at submission, at each change of state
 * that this process sees and at most every 5 s otherwise, never on the way of a request, and up to 5 s later while the
 * process is busy; where more than 1,000 wait then, the store is asked for the rest. When the store throws `store_unavailable`, `get` and `list` answer from the copies, with `source: "file"`, `as_of`, and `stale: true` for
 * a live job. A copy that cannot be written is a warning in the log; one that cannot be read is passed over.
 * Disposing it writes what waits, then disposes the store.
 */
export function withJobFiles(store: JobStore, { dir, clock, log, isBusy }: JobFilesOptions): JobStore {
  const folder = openJobFolder(dir);
  const answers = openFileAnswers(folder);
  const copies = openCopies({ folder, clock, log, read: (id) => store.get(id), isBusy });
  let cleanedAt = Number.NEGATIVE_INFINITY;

  const changed = <T extends Job | undefined>(job: T, tenant?: string): T => {
    if (job) copies.changed(job, tenant);
    return job;
  };

  /** Terminal copies go by their TTL; those of live jobs only where the store has forgotten the job. */
  const cleanUp = async (): Promise<void> => {
    if (clock.uptime() - cleanedAt < betweenCleanUpsMs) return;
    cleanedAt = clock.uptime();
    await folder.removeTemporary(clock.now() - betweenCleanUpsMs);
    for (const copy of await answers.all())
      if (isOver(copy) && (isTerminal(copy.status) || !(await store.get(copy.id)))) await folder.remove(copy.id);
  };
  const isOver = (copy: JobCopy) => {
    const last = Date.parse(isTerminal(copy.status) ? (copy.ended_at ?? copy.as_of) : copy.as_of);
    return last + copy.ttl_seconds * 1_000 + afterTtlMs <= clock.now();
  };

  return {
    ...store,
    submit: (fresh) =>
      store.submit(fresh).then((submitted) => {
        changed(submitted.job, fresh.tenant);
        return submitted;
      }),
    get: (id, tenant) =>
      store.get(id, tenant).then(
        (job) => {
          if (job) copies.read(job, tenant);
          return job;
        },
        async (error: unknown) => {
          const copy = isStoreAway(error) ? await answers.find(id, tenant).catch(() => undefined) : undefined;
          if (copy) return copy;
          throw error;
        },
      ),
    list: async (query) => {
      if (answers.isCursor(query.cursor)) return answers.list(query);
      try {
        const page = await store.list(query);
        for (const job of page.jobs) copies.listed(job);
        return page;
      } catch (error) {
        // A cursor of the store says nothing to the files.
        if (!isStoreAway(error) || query.cursor !== undefined) throw error;
        return answers.list(query).catch(() => {
          throw error;
        });
      }
    },
    claim: async (request) => {
      const claim = await store.claim(request);
      if (claim) copies.changed(claim.job, claim.tenant);
      return claim;
    },
    renew: async (lease, request) => {
      const renewal = await store.renew(lease, request);
      if (request.patch) copies.stirred(lease.job);
      return renewal;
    },
    finish: async (lease, ending) => changed(await store.finish(lease, ending)),
    release: async (lease, release) => changed(await store.release(lease, release)),
    cancel: async (id, by) => changed(await store.cancel(id, by), by.tenant),
    retry: async (id, tenant, only) => changed(await store.retry(id, tenant, only), tenant),
    settleNotice: async (notice, outcome) => {
      await store.settleNotice(notice, outcome);
      copies.stirred(noticeJob(notice.id));
    },
    sweep: async () => {
      const ids: readonly JobId[] = await store.sweep();
      for (const id of ids) copies.stirred(id);
      await cleanUp().catch((error: unknown) =>
        log.warn("old copies of jobs could not be removed", { error: String(error) }),
      );
      return ids;
    },
    [Symbol.asyncDispose]: async () => {
      await copies.flush();
      await store[Symbol.asyncDispose]();
    },
  };
}
