import type { NewEvent } from "../shared/event.ts";
import type { JobPatch } from "../shared/job.ts";
import { batchLength, sizeOf } from "./event-batch.ts";

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
/** What is kept for a store that is away: it would keep no more of a job (contract 2). */
const keptEvents = 5_000;
const keptBytes = 8 * 1024 * 1024;

type Entry = Readonly<{ event: NewEvent; bytes: number }>;

/**
 * Keeps what is to be written until it is, in the order in which it came. What would be more than a store keeps of a job
 * goes, the oldest first, and one `log.dropped` stands where it was, under the number of the last that went.
 */
export function openOutbox() {
  let patch: JobPatch = {};
  let entries: Entry[] = [];
  let firstEvent = 0;
  let delivered: string[] = [];
  let bytes = 0;
  const waiting = new Set<() => void>();

  function put(next: Entry[]): void {
    entries = next;
    bytes = sum(entries);
  }
  function dropOldest(): void {
    const spare = { events: entries.length - keptEvents, bytes: bytes - keptBytes };
    if (spare.events <= 0 && spare.bytes <= 0) return;
    const before = entries[0]?.event;
    const told = before?.type === "log.dropped" ? before.data : { count: 0, bytes: 0 };
    const from = told.count > 0 ? 1 : 0;
    let upTo = from;
    // One entry is made in place of them, so without one already there one more has to go.
    for (let gone = 0; upTo < entries.length - 1; upTo += 1) {
      if (upTo - 1 >= spare.events && gone >= spare.bytes) break;
      gone += entries[upTo]?.bytes ?? 0;
    }
    if (upTo === from) return;
    const dropped = entries.slice(from, upTo);
    const event = {
      type: "log.dropped",
      data: { count: told.count + dropped.length, bytes: told.bytes + sum(dropped) },
    } as const;
    firstEvent += upTo - 1;
    put([entryOf(event), ...entries.slice(upTo)]);
  }

  return {
    add: (more: readonly NewEvent[]): void => {
      const added = more.map(entryOf);
      entries.push(...added);
      bytes += sum(added);
      dropOldest();
    },
    patch: (more: JobPatch): void => {
      patch = { ...patch, ...more };
    },
    deliver: (messageId: string): void => {
      delivered.push(messageId);
    },
    /** Of the events, as JSON. */
    bytes: (): number => bytes,
    hasEvents: (): boolean => entries.length > 0,
    isEmpty: (): boolean => entries.length === 0 && delivered.length === 0 && Object.keys(patch).length === 0,
    /** How many events were added so far, with those that were dropped. */
    count: (): number => firstEvent + entries.length,
    /** How many of them were taken. */
    taken: (): number => firstEvent,
    /** All but the events, and of these as many as one renewal may carry; what is taken comes back with `putBack` when it could not be written. */
    take: (): Pending => {
      const batch = entries.slice(0, batchLength(entries.map((entry) => entry.bytes)));
      const taken = { patch, events: batch.map(({ event }) => event), firstEvent, delivered };
      patch = {};
      firstEvent += batch.length;
      put(entries.slice(batch.length));
      delivered = [];
      if (bytes < fullBytes) {
        for (const go of waiting) go();
        waiting.clear();
      }
      return taken;
    },
    /** All that is left, for good. */
    rest: (): Pick<Pending, "patch" | "events" | "firstEvent"> => ({
      patch,
      events: entries.map(({ event }) => event),
      firstEvent,
    }),
    /** Before all that came since; nothing may have been taken since. */
    putBack: (taken: Pending): void => {
      patch = { ...taken.patch, ...patch };
      put([...taken.events.map(entryOf), ...entries]);
      firstEvent = taken.firstEvent;
      delivered = [...taken.delivered, ...delivered];
      dropOldest();
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

const entryOf = (event: NewEvent): Entry => ({ event, bytes: sizeOf(event) });
const sum = (entries: readonly Entry[]): number => entries.reduce((all, entry) => all + entry.bytes, 0);
