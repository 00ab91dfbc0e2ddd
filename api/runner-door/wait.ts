import { poolOfQueue } from "../../shared/box-queue.ts";
import type { ChangeQuery } from "../../shared/change-query.ts";
import { aliveMs, longestWaitMs } from "../../shared/runner-door/protocol.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import { linkSignals } from "../link-signals.ts";
import { type At, checkPools, mine } from "./reach.ts";

/** A store that wakes idle runners for every change would have each of them claim at each renewal of the others. */
const idlePauseMs = 1_000;

/**
 * A wait as an event stream of one event, so that a runner knows from its beginning that nothing is missed from then on,
 * and that the connection lives. It breaks off without the event where this process ends.
 * @throws AppError `forbidden` for pools that are not the key's.
 */
export function waitStream(at: At, query: ChangeQuery): ReadableStream<Uint8Array> {
  const { pools, runner } = query;
  if (pools) checkPools(at, pools);
  const { store, clock, stopping, streamMs = longestWaitMs } = at.deps;
  const gone = new AbortController();
  const link = linkSignals(gone.signal, stopping);
  const timeoutMs = Math.min(query.timeoutMs, streamMs);
  const endsAt = clock.uptime() + timeoutMs;
  const own = runner === undefined ? {} : { runner: mine(at, runner) };
  // Asked for before the answer begins: from then on nothing is missed.
  const hint = store.changed({ ...query, ...own, timeoutMs, signal: link.signal });
  const over = hint.then(async () => {
    const leftMs = Math.min(idlePauseMs, endsAt - clock.uptime());
    if (pools && leftMs > 0 && !(await hasWork())) await clock.sleep(leftMs, link.signal);
    return "over" as const;
  });
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(encoder.encode(sseKeepAlive)),
      pull: async (controller) => {
        const turn = linkSignals(link.signal);
        const how = await Promise.race([over, clock.sleep(aliveMs, turn.signal)]);
        turn[Symbol.dispose]();
        if (gone.signal.aborted) return;
        const isBroken = link.signal.aborted;
        if (!isBroken) controller.enqueue(encoder.encode(how === "over" ? encodeSse(changedFrame) : sseKeepAlive));
        if (how !== "over" && !isBroken) return;
        link[Symbol.dispose]();
        controller.close();
      },
      cancel: () => {
        gone.abort();
        link[Symbol.dispose]();
      },
    },
    { highWaterMark: 0 },
  );

  /** A store that cannot say so has it: whoever claims is told what is wrong. */
  async function hasWork(): Promise<boolean> {
    const wanted = new Set(pools?.map(poolOfQueue));
    const counts = await store.counts().catch(() => undefined);
    return counts?.pools.some(({ pool, queued }) => queued > 0 && wanted.has(pool)) ?? true;
  }
}

const changedFrame = { event: "changed", data: "{}" };
