import { iso } from "../../clock.ts";
import type { EventType, JobEvent } from "../../event.ts";
import { isTerminal, type JobId, type JobStatus } from "../../job.ts";
import type { EventPage } from "../../store.ts";
import { eventId, eventNumber, foreignEventCursor } from "../event-id.ts";
import { asList, type Context, notThere } from "./context.ts";
import { events } from "./lua/events.ts";
import type { Reply } from "./wire.ts";

const pageEvents = 500;

/** Pages of a job's log. @throws AppError `not_found`, `invalid_request` for a cursor that was not issued for this job. */
export const openEventLog =
  ({ run }: Pick<Context, "run">) =>
  async (id: JobId, query: Readonly<{ after?: string; limit?: number }>): Promise<EventPage> => {
    const limit = Math.max(1, Math.min(pageEvents, query.limit ?? pageEvents));
    const after = query.after === undefined ? 0 : eventNumber(query.after, id);
    const [word, newest, status, entries] = await run(events, [id, after ?? 0, limit], id);
    if (word !== "page") throw notThere(id);
    const last = Number(newest);
    if (after === undefined || after > last) throw foreignEventCursor(id);
    const page = asList(entries).map((entry) => toEvent(id, asList(entry)));
    const end = page.at(-1)?.id ?? query.after;
    const reached = page.length > 0 ? Number.parseInt(page.at(-1)?.id ?? "", 10) : after;
    const isOver = isTerminal(status as JobStatus) && reached >= last;
    return { events: page, ...(isOver || end === undefined ? {} : { next: end }) };
  };

export const toEvent = (job: JobId, [n, type, at, attempt, facts]: readonly Reply[]): JobEvent => ({
  id: eventId(Number(n), job),
  type: type as EventType,
  at: iso(Number(at)),
  attempt: Number(attempt),
  data: withTime(JSON.parse(String(facts)) as JobEvent["data"]),
});

/** A script tells the end of a delay in milliseconds. */
const withTime = (data: JobEvent["data"]): JobEvent["data"] =>
  typeof data["until"] === "number" ? { ...data, until: iso(data["until"]) } : data;
