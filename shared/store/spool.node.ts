import { type Clock, iso } from "../clock.ts";
import { AppError, isStoreAway } from "../error.ts";
import type { JobId } from "../job.ts";
import type { Log } from "../log.ts";
import type { JobStore, NewJob, Submitted } from "../store.ts";
import { keepDraining, openDrain } from "./spool/drain.node.ts";
import { keyedIds } from "./spool/keyed-id.node.ts";
import { mergedList } from "./spool/merged-list.ts";
import { openSpoolFolder } from "./spool/spool-folder.node.ts";
import { openSpoolView } from "./spool/spool-view.node.ts";
import { spoolCursor, waitingJob } from "./spool/spooled-job.ts";

export type SpoolOptions = Readonly<{
  /** `{data}/spool/submissions`; several processes of the box may share it. */
  dir: string;
  clock: Clock;
  log: Log;
  random: () => number;
}>;

/** With more than this the disk is no place for them either: submissions are refused, as without a spool. */
const maxWaiting = 10_000;
/** A store that has just not answered is not asked to take a job for this long. */
const outMs = 2_000;
const notOut: Readonly<{ until: number; error: unknown }> = { until: Number.NEGATIVE_INFINITY, error: undefined };
const betweenCleanUpsMs = 3_600_000;
/** How a job ended that never reached the store is told for this long beyond its TTL, as with other copies. */
const afterTtlMs = 24 * 3_600_000;

/**
 * A remote store that also takes jobs while it is away: a submission that it cannot answer is written to `dir`, synced
 * to the disk, and answered for with `durability: "spooled"`; it is submitted under the same id when the store is back,
 * also by a later process. Until then `get`, `list` and `events` answer for it from the file, and say so. A cancel is
 * kept beside it, and then the job is never submitted, or with an idempotency key submitted and cancelled at once: another
 * box may have the same in its spool; where it had come to the store unseen, it is cancelled there. One
 * that the store refuses in the end stays as a failed job that says why, on this box alone. An id that was given out is
 * never lost. With an idempotency key the id is made from the key, so that the request makes one job wherever it is
 * sent again. Where the disk cannot take it, the store's own error stands. Disposing it disposes the store.
 */
export function withSpool(store: JobStore, { dir, clock, log, random }: SpoolOptions): JobStore {
  const folder = openSpoolFolder(dir, { log, clock });
  const view = openSpoolView(folder, clock);
  const { bring } = openDrain({ store, folder, clock, log });
  const stop = new AbortController();
  let cleanedAt = Number.NEGATIVE_INFINITY;
  let out = notOut;

  async function pass(): Promise<number> {
    await cleanUp();
    const waiting = await folder.waiting();
    view.waiting(waiting);
    return await bring([...new Set([...waiting, ...(await folder.cancels())])], view.left);
  }
  async function cleanUp(): Promise<void> {
    if (clock.uptime() - cleanedAt < betweenCleanUpsMs) return;
    cleanedAt = clock.uptime();
    await folder.removeTemporary(clock.now() - betweenCleanUpsMs);
    for (const id of await folder.endings()) {
      const { job } = (await folder.ended(id)) ?? {};
      const gone = job && Date.parse(job.ended_at ?? job.created_at) + job.ttl_seconds * 1_000 + afterTtlMs;
      if (gone !== undefined && gone <= clock.now()) await folder.removeEnded(id);
    }
  }
  const draining = keepDraining({ pass, clock, log, random }, stop.signal);

  async function submitKeyed(asked: KeyedJob): Promise<Submitted> {
    const fresh = withKeyedId(asked, clock);
    return (await earlier(fresh)) ?? (await take(fresh));
  }
  function take(fresh: NewJob): Promise<Submitted> {
    // Whoever has just waited for the store in vain does not wait a second time.
    if (out !== notOut && clock.uptime() < out.until) return spool(fresh, out.error);
    return store.submit(fresh).catch((error: unknown) => {
      if (!isStoreAway(error)) throw error;
      return spool(fresh, error);
    });
  }
  /** What the same key has brought into the spool. The same id goes to the store once, so nothing else needs a look. */
  async function earlier({ tenant, idempotency }: NewJob): Promise<Submitted | undefined> {
    if (!idempotency) return undefined;
    for (const id of keyedIds({ tenant, key: idempotency.key }, clock.now())) {
      const file = await folder.submission(id);
      if (!file) continue;
      if (file.idempotency?.body !== idempotency.body)
        throw new AppError("invalid_request", "This Idempotency-Key came before with another body.", {
          remedy: "Send the same body again, or use a new key for a new job.",
        });
      return { job: waitingJob(file, await folder.cancelled(id)), replayed: true };
    }
    return undefined;
  }
  async function spool(fresh: NewJob, reason: unknown): Promise<Submitted> {
    const file = { ...fresh, spooled_at: iso(clock.now()) };
    const isNew = await written(file, reason);
    view.came(fresh.job.id);
    draining.poke();
    const before = isNew ? undefined : await earlier(fresh);
    log.warn("the store is away: a job was spooled", { job: fresh.job.id });
    return before ?? { job: waitingJob(file), replayed: !isNew };
  }
  /** @throws what the store said, where the disk does not take it either. */
  async function written(file: Parameters<typeof folder.add>[0], reason: unknown): Promise<boolean> {
    try {
      if ((await folder.count()) >= maxWaiting) throw new Error(`${maxWaiting} jobs wait there already`);
      return await folder.add(file);
    } catch (error) {
      log.error("a job could not be spooled", { path: dir, error });
      throw reason;
    }
  }

  /** Asks the store, and again once it has the job, where that was still in the spool. */
  async function asked<T>(id: JobId, tenant: string | undefined, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isNotThere(error)) throw error;
      if (await view.waits(id, tenant)) await bring([id], view.left);
      else if (await view.find(id, tenant)) throw neverThere(id);
      else throw error;
      return await ask();
    }
  }

  return {
    ...store,
    submit: (fresh) => (isKeyed(fresh) ? submitKeyed(fresh) : take(fresh)),
    get: (id, tenant) =>
      store.get(id, tenant).then(
        (job) => job ?? view.find(id, tenant),
        async (error: unknown) => {
          const job = isStoreAway(error) ? await view.find(id, tenant) : undefined;
          if (job) return job;
          throw error;
        },
      ),
    list: async (query) => mergedList((theirs) => store.list(theirs), query, await view.all(query.tenant)),
    cancel: async (id, by) => {
      const keep = async () => {
        if (!(await view.waits(id, by.tenant))) return false;
        await folder.cancel(id, { ...by, at: iso(clock.now()) });
        return true;
      };
      try {
        const known = await store.cancel(id, by);
        // A copy that is still to be replayed would wake the job again, should its record be gone by then.
        if (await keep()) await bring([id], view.left);
        // Unknown to both: it may have left the spool between the two questions.
        return known ?? (await view.find(id, by.tenant)) ?? (await store.cancel(id, by));
      } catch (error) {
        if (isStoreAway(error) && (await keep())) draining.poke();
        const job = isStoreAway(error) ? await view.find(id, by.tenant) : undefined;
        if (job) return job;
        throw error;
      }
    },
    // Asked before each submission, by whoever checks it.
    runners: async () => {
      try {
        const answer = await store.runners();
        out = notOut;
        return answer;
      } catch (error) {
        if (isStoreAway(error)) out = { until: clock.uptime() + outMs, error };
        throw error;
      }
    },
    retry: (id, tenant, only) => asked(id, tenant, () => store.retry(id, tenant, only)),
    addMessage: (id, message, tenant) => asked(id, tenant, () => store.addMessage(id, message, tenant)),
    answer: (id, message, tenant) => asked(id, tenant, () => store.answer(id, message, tenant)),
    events: async (id, { after, ...query }) => {
      try {
        return await store.events(id, { ...query, ...(after === undefined || after === spoolCursor ? {} : { after }) });
      } catch (error) {
        const page = isStoreAway(error) || isNotThere(error) ? await view.events(id, after) : undefined;
        if (page) return page;
        throw error;
      }
    },
    // Listens before it returns, as `changed` promises: so it asks no disk.
    changed: (what) =>
      what.job !== undefined && view.isKnown(what.job) ? view.changed(what.job, what) : store.changed(what),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await draining.over;
      const left = await folder.count().catch(() => 0);
      if (left > 0) log.warn("spooled jobs wait on the disk for the next server", { jobs: left, path: dir });
      await store[Symbol.asyncDispose]();
    },
  };
}

type KeyedJob = NewJob & Required<Pick<NewJob, "idempotency">>;

const isKeyed = (fresh: NewJob): fresh is KeyedJob => fresh.idempotency !== undefined;

function withKeyedId(fresh: KeyedJob, clock: Clock): KeyedJob {
  const [id] = keyedIds({ tenant: fresh.tenant, key: fresh.idempotency.key }, clock.now());
  return { ...fresh, job: { ...fresh.job, id } };
}

const isNotThere = (error: unknown): boolean => error instanceof AppError && error.code === "not_found";

const neverThere = (id: JobId) =>
  new AppError("conflict", `Job ${id} ended before it reached the store, so nothing can be asked of it.`, {
    remedy: "Submit it again.",
  });
