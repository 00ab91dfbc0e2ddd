import type { JobId } from "../../job.ts";
import type { Connection } from "./connection.node.ts";

/** What waiters want to know beside "something was written"; single reads, outside transactions. */
export function openHints({ db, time }: Connection) {
  const asked = db.prepare<{ more: number; fence: number; status: string }>(
    "SELECT asked > told AS more, fence, status FROM jobs WHERE id = :id",
  );
  const drained = db.prepare<{ drain: number }>("SELECT drain FROM runners WHERE id = :runner");
  const relayed = db.prepare<{ last: number }>("SELECT last FROM relays WHERE channel = :channel");
  const nextOf = (column: string, status: string) =>
    db.prepare<{ at: number | null }>(
      `SELECT min(${column}) AS at FROM jobs WHERE status = '${status}' AND ${column} > :tick`,
    );
  const times = [nextOf("due", "queued"), nextOf("expires", "queued"), nextOf("lease_until", "running")];

  const notice = db.prepare<{ due: number | null }>("SELECT min(due) AS due FROM notices");

  return {
    /** When the next notification is due by the store's clock, and in how many milliseconds that is. */
    nextNotice: (): Readonly<{ due: number; inMs: number }> => {
      const due = notice.find()?.due ?? Number.POSITIVE_INFINITY;
      return { due, inMs: Math.max(0, due - time.tick()) };
    },
    /** Has somebody asked something of the job's runner that no renewal told it yet? */
    isAsked: (id: JobId): boolean => asked.find({ id })?.more === 1,
    /** Who holds the job: another text when the lease is gone. */
    holder: (id: JobId): string => {
      const row = asked.find({ id });
      return row ? `${row.fence} ${row.status}` : "";
    },
    /** Has somebody told this runner to drain? */
    isDrained: (runner: string): boolean => drained.find({ runner })?.drain === 1,
    /** Has the relay more messages than so many, or is it gone? */
    isRelayed: ({ channel, after }: Readonly<{ channel: string; after: number }>): boolean => {
      const row = relayed.find({ channel });
      return !row || row.last > after;
    },
    /** Milliseconds until time alone changes something: a delay ends, a lease or a queue time runs out. */
    untilNextMs: (): number => {
      const tick = time.tick();
      const next = times.flatMap((statement) => statement.find({ tick })?.at ?? []);
      return next.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...next) - tick;
    },
  };
}

export type Hints = ReturnType<typeof openHints>;
