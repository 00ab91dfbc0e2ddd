import type { Clock } from "../../clock.ts";
import type { JobId } from "../../job.ts";
import type { Lease } from "../../store.ts";
import type { Reply } from "./wire.ts";

type Note = Readonly<{
  /** How often something has become claimable, as an answer told. */
  count?: Reply | undefined;
  /** Milliseconds until time alone changes something; empty: nothing is in sight. */
  nextMs?: Reply | undefined;
  live?: Reply | undefined;
  leaseMs?: number;
}>;

export type News = ReturnType<typeof openNews>;

/** Of so many jobs the last seen revision is remembered. */
const keptRevisions = 1_000;

/** What the answers of scripts have told this process, so that whoever waits needs not ask again. */
export function openNews(clock: Pick<Clock, "uptime">) {
  const runners = new Set<string>();
  const holders = new Map<JobId, Lease>();
  const revisions = new Map<JobId, number>();
  const draining = new Map<string, boolean>();
  const ears = new Set<() => void>();
  let count: number | undefined;
  let nextAt = Number.POSITIVE_INFINITY;
  let toldAt = Number.NEGATIVE_INFINITY;
  let live = 0;
  let leaseMs = Number.POSITIVE_INFINITY;

  return {
    /** A runner of this process: it is spoken to on a channel of its own. */
    serve: (runner: string): void => void runners.add(runner),
    runners: (): readonly string[] => [...runners],
    hold: (lease: Lease): void => void holders.set(lease.job, lease),
    letGo: (job: JobId): void => void holders.delete(job),
    /** The lease of a runner of this process on that job. */
    holder: (job: JobId): Lease | undefined => holders.get(job),
    /** What an answer told of a job: whoever reads another revision later knows that it has changed. */
    saw: (job: JobId, revision: number): void => {
      revisions.delete(job);
      revisions.set(job, revision);
      const [oldest] = revisions.keys();
      if (revisions.size > keptRevisions && oldest !== undefined) revisions.delete(oldest);
    },
    revision: (job: JobId): number | undefined => revisions.get(job),
    revisions: (): ReadonlyMap<string, number> => new Map(revisions),
    toldDrain: (runner: string, drain: boolean): void => void draining.set(runner, drain),
    isDraining: (runner: string): boolean => draining.get(runner) === true,

    note: (told: Note): void => {
      if (typeof told.nextMs === "number") nextAt = Math.min(nextAt, clock.uptime() + told.nextMs);
      if (typeof told.live === "number") live = told.live;
      if (told.leaseMs !== undefined) leaseMs = told.leaseMs;
      if (told.count !== undefined && told.count !== null) {
        count = Number(told.count);
        toldAt = clock.uptime();
      }
      for (const ear of [...ears]) ear();
    },
    /** Called whenever something was noted, until the returned function is. */
    onNote: (ear: () => void): (() => void) => {
      ears.add(ear);
      return () => void ears.delete(ear);
    },
    count: (): number | undefined => count,
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
