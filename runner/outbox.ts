import type { NewEvent } from "../shared/event.ts";
import type { JobPatch } from "../shared/job.ts";

/** What the next renewal carries to the store. */
export type Pending = Readonly<{
  patch: JobPatch;
  events: readonly NewEvent[];
  /** How many events were taken before these: the store, which may have had them although it did not say so, knows by it. */
  firstEvent: number;
  delivered: readonly string[];
}>;

/** More than this waits for the store: who makes events faster than it takes them has to wait too. */
const fullBytes = 256 * 1024;

/** Keeps what is to be written until it is, in the order in which it came. */
export function openOutbox() {
  let patch: JobPatch = {};
  let events: NewEvent[] = [];
  let firstEvent = 0;
  let delivered: string[] = [];
  let bytes = 0;
  const waiting = new Set<() => void>();

  return {
    add: (more: readonly NewEvent[]): void => {
      events.push(...more);
      bytes += sizeOf(more);
    },
    patch: (more: JobPatch): void => {
      patch = { ...patch, ...more };
    },
    deliver: (messageId: string): void => {
      delivered.push(messageId);
    },
    /** Of the events, as JSON. */
    bytes: (): number => bytes,
    hasEvents: (): boolean => events.length > 0,
    /** Empties it; what is taken comes back with `putBack` when it could not be written. */
    take: (): Pending => {
      const taken = { patch, events, firstEvent, delivered };
      patch = {};
      firstEvent += events.length;
      events = [];
      delivered = [];
      bytes = 0;
      for (const go of waiting) go();
      waiting.clear();
      return taken;
    },
    /** Before all that came since; nothing may have been taken since. */
    putBack: (taken: Pending): void => {
      patch = { ...taken.patch, ...patch };
      events = [...taken.events, ...events];
      firstEvent = taken.firstEvent;
      delivered = [...taken.delivered, ...delivered];
      bytes += sizeOf(taken.events);
    },
    isFull: (): boolean => bytes >= fullBytes,
    /** Resolves when there is room for more. */
    room: (): Promise<void> =>
      new Promise((resolve) => {
        if (bytes < fullBytes) resolve();
        else waiting.add(resolve);
      }),
  };
}

const sizeOf = (events: readonly NewEvent[]): number =>
  events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
