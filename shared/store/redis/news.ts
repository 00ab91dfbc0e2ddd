import type { Clock } from "../../clock.ts";
import type { Job, JobId } from "../../job.ts";
import type { Lease } from "../../store.ts";
import type { Reply } from "./wire.ts";

type Note = Readonly<{
  /** How often something has become claimable: as the answer of a claim told, which has seen all of it, or another one. */
  claimed?: Reply | undefined;
  told?: Reply | undefined;
  /** Milliseconds until time alone changes something, as the store knows it now; empty: nothing is in sight. */
  nextMs?: Reply | undefined;
  /** The same, of one thing among others. */
  alsoMs?: Reply | undefined;
  live?: Reply | undefined;
  leaseMs?: number;
}>;

export type News = ReturnType<typeof openNews>;

/** A job that a runner of this process holds, as the store has it while only that runner changes it. */
export type Held = Readonly<{ job: Job; revision: number; startedAt: string }>;

/** Of so many jobs the last seen revision is remembered, at least. */
const keptRevisions = 1_000;
/** Of so many jobs it is known here who holds them: of a runner that works through this process and dies, nobody tells it. */
const mostHeld = 1_000;

/** What the answers of scripts have told this process, so that whoever waits needs not ask again. */
export function openNews(clock: Pick<Clock, "uptime">) {
  const runners = new Set<string>();
  const holders = new Map<JobId, Lease>();
  const held = new Map<JobId, Held>();
  let revisions = new Map<JobId, number>();
  let older = new Map<JobId, number>();
  const draining = new Map<string, boolean>();
  const ears = new Set<() => void>();
  const heard = new Map<string, number>();
  let claimed: number | undefined;
  let told = 0;
  let nextAt = Number.POSITIVE_INFINITY;
  let toldAt = Number.NEGATIVE_INFINITY;
  let live = 0;
  let leaseMs = Number.POSITIVE_INFINITY;

  const tellEars = () => {
    if (ears.size > 0) for (const ear of [...ears]) ear();
  };
  const hearOf = (pool: string, count: number): void => {
    if (count > (heard.get(pool) ?? 0)) heard.set(pool, count);
  };
  const letGo = (job: JobId): void => {
    holders.delete(job);
    held.delete(job);
  };
  return {
    /** A runner of this process: it is spoken to on a channel of its own. */
    serve: (runner: string): void => void runners.add(runner),
    retire: (runner: string): void => {
      runners.delete(runner);
      draining.delete(runner);
    },
    runners: (): readonly string[] => [...runners],
    hold: (lease: Lease, known: Held): void => {
      const { job } = lease;
      letGo(job);
      holders.set(job, lease);
      held.set(job, known);
      const [oldest] = holders.keys();
      if (holders.size > mostHeld && oldest !== undefined) letGo(oldest);
    },
    letGo,
    held: (job: JobId): Held | undefined => held.get(job),
    /** What a runner of this process has made of the job that it holds; nothing, where that is not known. */
    madeOf: (job: JobId, known: Held | undefined): void => {
      if (known === undefined) held.delete(job);
      else if (held.has(job)) held.set(job, known);
    },
    /** The lease of a runner of this process on that job. */
    holder: (job: JobId): Lease | undefined => holders.get(job),
    /** What an answer told of a job: whoever reads another revision later knows that it has changed. */
    saw: (job: JobId, revision: number): void => {
      revisions.set(job, revision);
      if (revisions.size < keptRevisions) return;
      older = revisions;
      revisions = new Map();
    },
    revision: (job: JobId): number | undefined => revisions.get(job) ?? older.get(job),
    revisions: (): ReadonlyMap<string, number> => new Map([...older, ...revisions]),
    toldDrain: (runner: string, drain: boolean): void => void draining.set(runner, drain),
    isDraining: (runner: string): boolean => draining.get(runner) === true,

    note: (note: Note): void => {
      if (note.nextMs !== undefined) nextAt = Number.POSITIVE_INFINITY;
      for (const ms of [note.nextMs, note.alsoMs])
        if (typeof ms === "number") nextAt = Math.min(nextAt, clock.uptime() + ms);
      if (typeof note.live === "number") live = note.live;
      if (note.leaseMs !== undefined) leaseMs = note.leaseMs;
      if (typeof note.claimed === "number") claimed = Math.max(claimed ?? 0, note.claimed);
      if (typeof note.told === "number") told = Math.max(told, note.told);
      if (typeof (note.claimed ?? note.told) === "number") toldAt = clock.uptime();
      tellEars();
    },
    /** A message of the channel `wake`: `pool count [milliseconds]`. */
    hear: (message: string): void => {
      const [pool = "", count = "", delayMs] = message.split(" ");
      if (delayMs !== undefined) nextAt = Math.min(nextAt, clock.uptime() + Number(delayMs));
      else if (pool !== "") hearOf(pool, Number(count));
      tellEars();
    },
    /** The same, of what this process itself has brought into the pool. */
    brought: (pool: string, count: number): void => {
      hearOf(pool, count);
      tellEars();
    },
    /** What a claim of this process has seen; before the first one, what is known now. */
    seen: (): number => claimed ?? Math.max(told, ...heard.values()),
    hasClaimed: (): boolean => claimed !== undefined,
    /** Something has become claimable that is newer than `seen`: in one of these pools, where that is known. */
    isNews: (seen: number, pools?: readonly string[]): boolean =>
      told > seen || [...heard].some(([pool, count]) => count > seen && (pools?.includes(pool) ?? true)),
    /** Called whenever something was noted or heard, until the returned function is. */
    onNote: (ear: () => void): (() => void) => {
      ears.add(ear);
      return () => void ears.delete(ear);
    },
    /** When an answer last told of the queue, in `Clock.uptime()`. */
    toldAt: (): number => toldAt,
    untilNextMs: (): number => nextAt - clock.uptime(),
    /** What was known to come has come. */
    nextPassed: (): void => {
      nextAt = Number.POSITIVE_INFINITY;
    },
    live: (): number => live,
    leaseMs: (): number => leaseMs,
  };
}
