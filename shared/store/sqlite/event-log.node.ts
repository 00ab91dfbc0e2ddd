import { type EventType, type JobEvent, type NewEvent, noticeTypes } from "../../event.ts";
import type { JobId } from "../../job.ts";
import type { EventPage, RenewRequest } from "../../store.ts";
import { eventId, eventNumber, foreignEventCursor } from "../event-id.ts";
import type { Context } from "./context.node.ts";
import { isOver, type JobRow } from "./job-rows.node.ts";

/** What is kept of a job's log (contract 2), and the largest page. */
export const keptEvents = 5_000;
export const keptBytes = 8 * 1024 * 1024;
export const pageEvents = 500;
/** How many are looked at together when the log is too large. */
const cutEvents = 20;

export type EventRow = Readonly<{
  n: number;
  type: EventType;
  at: string;
  attempt: number;
  data: string;
  bytes: number;
}>;
type Counters = Readonly<{
  last_event: number;
  event_count: number;
  event_bytes: number;
  dropped_count: number;
  dropped_bytes: number;
}>;

export type EventLog = ReturnType<typeof openEventLog>;

export function openEventLog({ db, jobs, time, touch }: Context) {
  const insert = db.prepare("INSERT INTO events VALUES (:seq, :n, :type, :at, :attempt, :data, :bytes)");
  const read = db.prepare<EventRow>("SELECT * FROM events WHERE seq = :seq AND n > :after ORDER BY n LIMIT :limit");
  const oldest = db.prepare<Pick<EventRow, "n" | "attempt" | "bytes">>(
    "SELECT n, attempt, bytes FROM events WHERE seq = :seq AND type <> 'log.dropped' ORDER BY n LIMIT :limit",
  );
  const cut = db.prepare("DELETE FROM events WHERE seq = :seq AND n <= :n");
  const counters = db.prepare<Counters>(
    "SELECT last_event, event_count, event_bytes, dropped_count, dropped_bytes FROM jobs WHERE seq = :seq",
  );
  const count = db.prepare(
    `UPDATE jobs SET last_event = :last_event, event_count = :event_count, event_bytes = :event_bytes,
       dropped_count = :dropped_count, dropped_bytes = :dropped_bytes WHERE seq = :seq`,
  );
  const note = db.prepare(
    `INSERT INTO notices (job, n, url, type, at, attempt, data, made, due)
     VALUES (:job, :n, :url, :type, :at, :attempt, :data, :tick, :tick)`,
  );
  const told = db.prepare("UPDATE jobs SET told_events = :told WHERE seq = :seq");
  const countersOf = (row: JobRow): Counters =>
    counters.find({ seq: row.seq }) ?? {
      last_event: 0,
      event_count: 0,
      event_bytes: 0,
      dropped_count: 0,
      dropped_bytes: 0,
    };

  /** Appends events of the row's attempt, then drops the oldest beyond what is kept, leaving one entry that says so. */
  const append = (row: JobRow, events: readonly NewEvent[]): void => {
    if (events.length === 0) return;
    const at = jobs.now();
    const before = countersOf(row);
    const rows = events.map((event, index): EventRow => {
      const data = JSON.stringify(event.data);
      const n = before.last_event + 1 + index;
      return { n, type: event.type, at, attempt: row.attempt, data, bytes: Buffer.byteLength(data) };
    });
    for (const event of rows) insert.run({ seq: row.seq, ...event });
    const { id: job, notify_url: url } = row;
    if (url !== null)
      for (const { bytes, ...event } of rows.filter(({ type }) => noticeTypes.includes(type)))
        note.run({ job, url, ...event, tick: time.tick() });
    const after: Counters = {
      ...before,
      last_event: before.last_event + rows.length,
      event_count: before.event_count + rows.length,
      event_bytes: before.event_bytes + rows.reduce((sum, event) => sum + event.bytes, 0),
    };
    count.run({ seq: row.seq, ...trim(row, after, at) });
    touch(row.id);
  };

  /** What a runner tells of its attempt, without what it has told before. */
  const appendTold = (row: JobRow, { events = [], firstEvent }: Pick<RenewRequest, "events" | "firstEvent">): void => {
    const known = firstEvent === undefined ? 0 : row.told_events - firstEvent;
    append(row, events.slice(Math.max(0, known)));
    const now = firstEvent === undefined ? 0 : firstEvent + events.length;
    if (now > row.told_events) told.run({ seq: row.seq, told: now });
  };
  /** An attempt begins: nothing is told of it yet. */
  const countAnew = (row: JobRow): void => {
    if (row.told_events > 0) told.run({ seq: row.seq, told: 0 });
  };

  const trim = (row: JobRow, now: Counters, at: string): Counters => {
    let { event_count, event_bytes, dropped_count, dropped_bytes } = now;
    let last: Pick<EventRow, "n" | "attempt"> | undefined;
    const tooMuch = () => event_count > keptEvents || (event_bytes > keptBytes && event_count > 1);
    while (tooMuch()) {
      const limit = Math.max(cutEvents, Math.min(pageEvents, event_count - keptEvents));
      for (const event of oldest.all({ seq: row.seq, limit })) {
        if (!tooMuch()) break;
        event_count -= 1;
        event_bytes -= event.bytes;
        dropped_count += 1;
        dropped_bytes += event.bytes;
        last = event;
      }
      if (last) cut.run({ seq: row.seq, n: last.n });
    }
    if (!last) return now;
    const data = JSON.stringify({ count: dropped_count, bytes: dropped_bytes });
    // It takes the number of the last one that went, so that whoever has read further never meets it.
    insert.run({ seq: row.seq, n: last.n, type: "log.dropped", at, attempt: last.attempt, data, bytes: 0 });
    return { ...now, event_count, event_bytes, dropped_count, dropped_bytes };
  };

  const page = (row: JobRow, query: Readonly<{ after?: string; limit?: number }>): EventPage => {
    const { last_event } = countersOf(row);
    const after = query.after === undefined ? 0 : numberOf(query.after, row.id, last_event);
    const limit = Math.max(1, Math.min(pageEvents, query.limit ?? pageEvents));
    const events = read.all({ seq: row.seq, after, limit }).map((event) => toEvent(row.id, event));
    const last = events.at(-1)?.id ?? query.after;
    const reached = last === undefined ? 0 : numberOf(last, row.id, last_event);
    const over = isOver(row) && reached >= last_event;
    return { events, ...(over || last === undefined ? {} : { next: last }) };
  };
  return { append, appendTold, countAnew, page };
}

/** @throws AppError `invalid_request` for what is no id of one of these events. */
function numberOf(id: string, job: JobId, last: number): number {
  const n = eventNumber(id, job);
  if (n !== undefined && n <= last) return n;
  throw foreignEventCursor(job);
}

export const toEvent = (job: JobId, { n, type, at, attempt, data }: Omit<EventRow, "bytes">): JobEvent => ({
  id: eventId(n, job),
  type,
  at,
  attempt,
  data: JSON.parse(data) as JobEvent["data"],
});
