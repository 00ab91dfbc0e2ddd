import type { ChangeQuery } from "../../change-query.ts";
import { backOff, type Clock, jittered } from "../../clock.ts";
import { aliveMs, longestWaitMs } from "../../runner-door/protocol.ts";
import { decodeSse } from "../../sse.ts";
import type { Exchange } from "./exchange.ts";

type Deps = Readonly<{ exchange: Exchange; clock: Clock; random: () => number }>;

/** One wait at the API. */
type Wait = Readonly<{
  /** The API listens from now on, or cannot be reached. */
  begun: Promise<void>;
  /** Something may have changed, or the wait is over. Never rejects. */
  over: Promise<void>;
  isOver: () => boolean;
  stop: () => void;
}>;

/** A connection on which nothing came for so long is taken for dead. */
const silentMs = 3 * aliveMs;
/** Whoever does not come through waits so long before anything is read again. */
const pause = { baseMs: 500, capMs: 10_000 };
/** Waits that end so soon one after the other tell of nothing new: the next ones are held back a little, and then more. */
const soonMs = 1_500;
const restraint = { baseMs: 250, capMs: 5_000 };
/** Another call is held up by a wait that has not begun for so long at most. */
const begunMs = 1_000;

/**
 * `changed` over the wire: an event stream for each wait. The calls of this process go out after its waits have begun at
 * the API, so that no change falls between a wait and what is read after it was asked for.
 */
export function openWaits({ exchange, clock, random }: Deps) {
  const closing = new AbortController();
  const beginning = new Set<Promise<void>>();
  let failures = 0;
  const soon = { pools: 0, runner: 0 };
  let idle: Readonly<{ key: string; wait: Wait }> | undefined;

  function open(query: Omit<ChangeQuery, "signal">): Wait {
    const begun = Promise.withResolvers<void>();
    const leave = new AbortController();
    const signal = AbortSignal.any([leave.signal, closing.signal]);
    const openedAt = clock.uptime();
    let isOver = false;
    const over = heard(query, signal, begun.resolve)
      .catch(() => "lost" as const)
      .then(async (how) => {
        begun.resolve();
        if (how === "heard") {
          failures = 0;
          await clock.sleep(restrained(query, clock.uptime() - openedAt), signal);
        } else if (!signal.aborted) {
          failures += 1;
          await clock.sleep(jittered(backOff(failures - 1, pause), random), signal);
        }
        isOver = true;
      });
    beginning.add(begun.promise);
    void begun.promise.then(() => beginning.delete(begun.promise));
    return { begun: begun.promise, over, isOver: () => isOver, stop: () => leave.abort() };
  }

  /** Milliseconds. */
  function restrained({ pools, runner }: ChangeQuery, lastedMs: number): number {
    const kind = pools ? "pools" : runner === undefined ? undefined : "runner";
    if (!kind) return 0;
    soon[kind] = lastedMs < soonMs ? soon[kind] + 1 : 0;
    return soon[kind] < 2 ? 0 : backOff(soon[kind] - 2, restraint);
  }

  async function heard(
    query: Omit<ChangeQuery, "signal">,
    signal: AbortSignal,
    begun: () => void,
  ): Promise<"heard" | "lost"> {
    const dead = new AbortController();
    let lastAt = clock.uptime();
    const ended = new AbortController();
    void watch();
    try {
      const asked = { ...query, timeoutMs: Math.min(query.timeoutMs, longestWaitMs) };
      const response = await exchange("changed", [asked], AbortSignal.any([signal, dead.signal]));
      begun();
      if (!response.body) return "lost";
      for await (const _ of decodeSse(noting(response.body))) return "heard";
      return "lost";
    } finally {
      ended.abort();
    }

    async function watch(): Promise<void> {
      for (let leftMs = silentMs; leftMs > 0 && !ended.signal.aborted; leftMs = lastAt + silentMs - clock.uptime())
        await clock.sleep(leftMs, ended.signal);
      if (!ended.signal.aborted) dead.abort();
    }
    async function* noting(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        lastAt = clock.uptime();
        yield chunk;
      }
    }
  }

  /** The one wait for these pools, which lasts from one claim to the next. */
  function idleWait(pools: readonly string[]): Wait {
    const key = pools.join(" ");
    if (idle && idle.key === key && !idle.wait.isOver()) return idle.wait;
    idle?.wait.stop();
    idle = { key, wait: open({ pools, timeoutMs: longestWaitMs }) };
    return idle.wait;
  }

  return {
    /** Resolves when every wait that was asked for has begun, or soon. */
    begun: async (): Promise<void> => {
      if (beginning.size === 0) return;
      const enough = new AbortController();
      await Promise.race([Promise.all(beginning), clock.sleep(begunMs, enough.signal)]);
      enough.abort();
    },
    /** From here on whatever gives these pools a job ends the next wait for them. True where that was so already. */
    attend: (pools: readonly string[]): boolean => {
      const before = idle?.wait;
      return idleWait(pools) === before && !beginning.has(before.begun);
    },
    /** There was a job: the next one may come at once. */
    found: (): void => {
      soon.pools = 0;
    },
    wait: async ({ signal, ...query }: ChangeQuery): Promise<void> => {
      if (closing.signal.aborted || signal?.aborted || query.timeoutMs <= 0) return;
      const wait = query.pools ? idleWait(query.pools) : open(query);
      const enough = new AbortController();
      const stop = AbortSignal.any([enough.signal, closing.signal, ...(signal ? [signal] : [])]);
      await Promise.race([wait.over, clock.sleep(Math.min(query.timeoutMs, longestWaitMs), stop)]);
      enough.abort();
      if (!query.pools) wait.stop();
    },
    close: (): void => closing.abort(),
  };
}
