import { type Clock, iso } from "../../clock.ts";
import { isStoreAway } from "../../error.ts";
import type { Job, JobId, JobSummary } from "../../job.ts";
import { keepNewest } from "../../keep-newest.ts";
import type { Log } from "../../log.ts";
import type { JobFolder } from "./job-folder.node.ts";

/** How often a job that only makes progress is copied. */
const rhythmMs = 5_000;
/** How long to wait before another look at a busy process. */
const busyMs = 100;
/** So long copies are written without a pause, and so long the process then has for others. */
const turnMs = 10;
/** A disk that takes longer for one copy, and for the next, is written to by other threads, for a minute. */
const slowMs = 20;
const slowForMs = 60_000;
/** So many jobs wait as they were seen. Of what comes then the id alone is kept, and the job read in its turn. */
const mostKept = 1_000;
/** So many are asked for at once: the answers take little longer than one. */
const readTogether = 50;
/** Jobs whose last write is remembered; a forgotten one is at worst written sooner. */
const remembered = 10_000;

type Entry = Readonly<{
  id: JobId;
  /** `Clock.uptime()` from which it may be written. */
  from: number;
  /** What is written, and when it was so; without it the job is read. */
  seen?: Seen;
  tenant?: string | undefined;
}>;
type Seen = Readonly<{ job: Job; at: number }>;
type Look = Readonly<{ entry: Entry; seen?: Seen | undefined; error?: unknown }>;
type Deps = Readonly<{
  folder: JobFolder;
  clock: Clock;
  log: Log;
  read: (id: JobId) => Promise<Job | undefined>;
  /** The process has more important things to do: a copy then waits, for `rhythmMs` at most. */
  isBusy?: (() => boolean) | undefined;
}>;

/** Writes copies one after the other, away from whoever asked; what comes for the same job meanwhile is one write. */
export function openCopies({ folder, clock, log, read, isBusy }: Deps) {
  /** In the order in which they came, which is that of their times: with their jobs, and without. */
  const seen = new Map<JobId, Entry>();
  const named = new Map<JobId, Entry>();
  const due = new Map<JobId, Entry>();
  /** From when on a store that was away is asked again. */
  let readFrom = Number.NEGATIVE_INFINITY;
  const written = new Map<JobId, Readonly<{ at: number; state: string }>>();
  let asleep: Readonly<{ until: number; wake: AbortController }> | undefined;
  let working: Promise<void> | undefined;
  let hurried = false;
  let wasSlow = false;
  let slowUntil = Number.NEGATIVE_INFINITY;

  const put = (next: Entry, waiting: Map<JobId, Entry>): void => {
    const { id } = next;
    const before = seen.get(id) ?? named.get(id) ?? due.get(id);
    const entry = before ? together(before, next) : next;
    const place = entry.seen ? seen : waiting;
    if (before) forget(id, place);
    place.set(id, entry);
    if (asleep && entry.from < asleep.until) asleep.wake.abort();
    working ??= work();
  };
  const forget = (id: JobId, but?: Map<JobId, Entry>): void => {
    for (const place of [seen, named, due]) if (place !== but) place.delete(id);
  };
  const soonest = (): Entry | undefined => {
    let [found] = seen.values();
    const [next] = named.values();
    const nextFrom = Math.max(next?.from ?? Number.POSITIVE_INFINITY, readFrom);
    if (next && (!found || nextFrom < found.from)) found = { ...next, from: nextFrom };
    for (const entry of due.values()) if (!found || entry.from < found.from) found = entry;
    return found;
  };
  const sleep = async (ms: number, until = Number.NEGATIVE_INFINITY): Promise<void> => {
    const wake = new AbortController();
    asleep = { until, wake };
    await clock.sleep(ms, wake.signal);
    asleep = undefined;
  };

  const work = async (): Promise<void> => {
    // Begins after the caller has gone on.
    await Promise.resolve();
    /** Until then this turn goes on; the next begins with a look at how busy the process is without it. */
    let turnEnds = Number.NEGATIVE_INFINITY;
    for (let entry = soonest(); entry; entry = soonest()) {
      const now = clock.uptime();
      const waitMs = entry.from - now;
      const isNewTurn = isBusy !== undefined && !hurried && now >= turnEnds;
      if (waitMs > 0 && !hurried) await sleep(waitMs, entry.from);
      else if (isNewTurn && isBusy() && waitMs > -rhythmMs) await sleep(busyMs);
      else {
        if (isNewTurn) turnEnds = now + turnMs;
        await take(entry);
        if (isBusy === undefined || hurried || clock.uptime() < turnEnds) continue;
        isBusy();
        await sleep(turnMs);
      }
    }
    working = undefined;
  };
  const take = async (entry: Entry): Promise<void> => {
    if (!entry.seen) return takeNamed([entry, ...dueNamed(entry.id)]);
    forget(entry.id);
    await copy(entry, entry.seen).catch((error: unknown) => missed(entry, error));
  };
  const takeNamed = async (entries: readonly Entry[]): Promise<void> => {
    for (const { id } of entries) forget(id);
    const away: Entry[] = [];
    for (const { entry, seen, error } of await Promise.all(entries.map(look)))
      if (error !== undefined && isStoreAway(error)) away.push(entry);
      else if (error !== undefined) missed(entry, error);
      else if (seen) await copy(entry, seen).catch((failed: unknown) => missed(entry, failed));
    if (away.length > 0) later(away);
  };
  /** Those whose turn it is too. */
  const dueNamed = (but: JobId): Entry[] => {
    const found: Entry[] = [];
    for (const entry of named.values()) {
      if (found.length + 1 >= readTogether || Math.max(entry.from, readFrom) > clock.uptime()) break;
      if (entry.id !== but) found.push(entry);
    }
    return found;
  };
  const look = async (entry: Entry): Promise<Look> => {
    const at = clock.now();
    try {
      const job = await read(entry.id);
      return { entry, seen: job && { job, at } };
    } catch (error) {
      return { entry, error };
    }
  };
  const missed = ({ id }: Entry, error: unknown): void =>
    log.warn("the copy of a job could not be written", { job: id, error: String(error) });
  /** At the end nobody waits for a store that is away. */
  const later = (entries: readonly Entry[]): void => {
    readFrom = clock.uptime() + rhythmMs;
    for (const entry of entries) put({ ...entry, from: readFrom }, named);
    if (!hurried) return;
    log.warn("copies of jobs could not be written: the store is away", { jobs: named.size + due.size });
    named.clear();
    due.clear();
  };

  const copy = async ({ id, tenant }: Entry, { job, at }: Seen): Promise<void> => {
    const start = clock.uptime();
    const isSlow = start < slowUntil;
    const before = isSlow ? await folder.read(id) : folder.readNow(id);
    const as_of = iso(at);
    // Another process of this box may have seen more; a time to come is of a clock that was wrong.
    const isNewer = before !== undefined && before.as_of > as_of && Date.parse(before.as_of) <= clock.now();
    const { queue_position, source, stale, ...plain } = job;
    const owner = tenant ?? before?.tenant;
    if (!isNewer) {
      const next = { ...plain, as_of, ...(owner === undefined ? {} : { tenant: owner }) };
      if (isSlow) await folder.write(next);
      else folder.writeNow(next);
    }
    if (!isSlow) measure(start);
    note(job);
  };

  /** One alone may be the machine's: it had something else to do. */
  const measure = (start: number): void => {
    const took = clock.uptime() - start;
    if (took > slowMs && wasSlow) slowUntil = start + slowForMs;
    wasSlow = took > slowMs;
  };
  const note = (job: Job): void =>
    keepNewest(written, [job.id, { at: clock.uptime(), state: stateOf(job) }], remembered);

  const putSeen = (job: Job, tenant?: string): void => {
    const isKept = seen.size < mostKept || seen.has(job.id);
    const entry = { id: job.id, from: clock.uptime(), tenant };
    put(isKept ? { ...entry, seen: { job, at: clock.now() } } : entry, named);
  };

  return {
    /** The job has changed its state, or is new: written as soon as there is time. */
    changed: putSeen,
    /** The job may have made progress: written once in `rhythmMs`, as it is then. */
    stirred: (id: JobId, tenant?: string): void => {
      const last = written.get(id)?.at ?? Number.NEGATIVE_INFINITY;
      if (seen.has(id) || named.has(id) || due.has(id)) return;
      put({ id, from: Math.max(clock.uptime(), last + rhythmMs), tenant }, due);
    },
    /** The job as somebody read it: written when its state is another than the one written last. */
    read: (job: Job, tenant?: string): void => {
      const state = stateOf(job);
      if (written.get(job.id)?.state === state) return;
      const waits = seen.get(job.id)?.seen;
      if (!named.has(job.id) && (!waits || stateOf(waits.job) !== state)) putSeen(job, tenant);
    },
    /** The job as a list showed it: without its output, so it is read again when its state has changed. */
    listed: (job: JobSummary): void => {
      const known = written.get(job.id);
      if (known && known.state !== stateOf(job)) put({ id: job.id, from: clock.uptime() }, due);
    },
    /** Resolves when nothing waits to be written, without waiting for the rhythm. */
    flush: async (): Promise<void> => {
      hurried = true;
      asleep?.wake.abort();
      while (working !== undefined) await working;
      hurried = false;
    },
  };
}

/** As it was seen last, no later than either is due. */
const together = (before: Entry, { tenant = before.tenant, ...next }: Entry): Entry => ({
  ...before,
  ...next,
  from: Math.min(next.from, before.from),
  tenant,
});

const stateOf = (job: JobSummary) => `${job.status} ${job.attempt}`;
