import { backOff, type Clock } from "../../shared/clock.ts";

/** What the other side will never take, however often it is sent. */
export class Refused extends Error {}

export type OutletCounts = Readonly<{ sent: number; dropped: number; waiting: number }>;
/** A queue to somebody outside who may be slow, away or hanging; nobody ever waits for it, but for `close`. */
export type Outlet<T> = Readonly<{
  /** Never waits and never throws. Over the bounds the oldest goes, counted. */
  put: (item: T, bytes: number) => void;
  counts: () => OutletCounts;
  /** Sends what is left for at most `withinMs`; what is left then is dropped and counted. */
  close: (withinMs: number) => Promise<void>;
}>;
export type OutletOptions<T> = Readonly<{
  clock: Clock;
  /** Sends items in their order; has to end soon after the signal aborts. @throws Refused, or anything that is worth another try. */
  send: (items: readonly T[], signal: AbortSignal) => Promise<void>;
  /** Most items of one sending. */
  batch: number;
  /** Bounds of what waits. */
  maxItems: number;
  maxBytes: number;
  /** Milliseconds that the first item waits for more to come with it. */
  lingerMs: number;
  /** Milliseconds that one sending may take. */
  timeoutMs: number;
  /** Called with what went wrong, at each try that did. */
  onTrouble: (error: unknown) => void;
}>;

const tries = 5;

export function openOutlet<T>(options: OutletOptions<T>): Outlet<T> {
  const { clock, send, batch, maxItems, maxBytes, lingerMs, timeoutMs, onTrouble } = options;
  const queue: { item: T; bytes: number }[] = [];
  const closing = new AbortController();
  const over = new AbortController();
  let bytes = 0;
  let sent = 0;
  let dropped = 0;
  let pump: Promise<void> | undefined;

  function take(count: number): T[] {
    const taken = queue.splice(0, count);
    for (const entry of taken) bytes -= entry.bytes;
    return taken.map(({ item }) => item);
  }
  async function sendOnce(items: readonly T[]): Promise<void> {
    const timer = new AbortController();
    const late = clock.sleep(timeoutMs, AbortSignal.any([timer.signal, over.signal])).then(() => {
      if (timer.signal.aborted) return;
      timer.abort();
      throw new Error(`no answer within ${timeoutMs} ms`);
    });
    try {
      await Promise.race([send(items, AbortSignal.any([timer.signal, over.signal])), late]);
    } finally {
      timer.abort();
      void late.catch(() => undefined);
    }
  }
  /** Tries again while it may help, longer each time. @returns whether it was taken */
  async function deliver(items: readonly T[]): Promise<boolean> {
    for (let tried = 0; ; tried += 1) {
      try {
        await sendOnce(items);
        return true;
      } catch (error) {
        onTrouble(error);
        if (error instanceof Refused || over.signal.aborted || tried + 1 >= tries) return false;
        await clock.sleep(backOff(tried, { baseMs: 500, capMs: 5_000 }), closing.signal);
        if (closing.signal.aborted && tried > 0) return false;
      }
    }
  }
  async function pumping(): Promise<void> {
    await clock.sleep(lingerMs, closing.signal);
    while (queue.length > 0 && !over.signal.aborted) {
      const items = take(batch);
      if (await deliver(items)) sent += items.length;
      else dropped += items.length;
    }
    pump = undefined;
  }
  return {
    put: (item, size) => {
      if (over.signal.aborted || size > maxBytes) {
        dropped += 1;
        return;
      }
      queue.push({ item, bytes: size });
      bytes += size;
      while (queue.length > maxItems || bytes > maxBytes) dropped += take(1).length;
      pump ??= pumping();
    },
    counts: () => ({ sent, dropped, waiting: queue.length }),
    close: async (withinMs) => {
      closing.abort();
      const done = new AbortController();
      const patience = clock.sleep(withinMs, done.signal);
      await Promise.race([pump, patience]);
      done.abort();
      over.abort();
      await pump;
      dropped += take(queue.length).length;
    },
  };
}
