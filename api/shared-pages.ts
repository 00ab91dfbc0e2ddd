import type { JobId } from "../shared/job.ts";
import type { EventPage } from "../shared/store.ts";
import type { ApiDeps } from "./deps.ts";

export type ReadPage = (id: JobId, after: string | undefined) => Promise<EventPage>;

/**
 * Reads pages of events for many streams: who asks for the same page in one turn is given one read, so that a thousand who
 * follow one job, and are woken together, do not ask the store a thousand times. Nobody joins a read that has begun: what
 * came since would be missed.
 */
export function sharedPages({ store }: Pick<ApiDeps, "store">): ReadPage {
  const gathering = new Map<string, Promise<EventPage>>();
  return (id, after) => {
    const key = `${id} ${after ?? ""}`;
    const begun = gathering.get(key);
    if (begun !== undefined) return begun;
    const reading = Promise.resolve().then(() => {
      gathering.delete(key);
      return store.events(id, after === undefined ? {} : { after });
    });
    gathering.set(key, reading);
    return reading;
  };
}
