import { poolOfQueue } from "../../shared/box-queue.ts";
import type { ChangeQuery } from "../../shared/change-query.ts";
import { aliveMs, longestWaitMs } from "../../shared/runner-door/protocol.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import { linkSignals } from "../link-signals.ts";
import { type At, checkPools, mine } from "./reach.ts";

/** So often it is looked at most whether there is a job for an idle runner, while others change something. */
const lookMs = 250;
/** An idle runner claims so often at least: by its claims leases end that nobody renews. */
const idleMs = 60_000;

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
  const endsAt = clock.uptime() + Math.min(query.timeoutMs, streamMs, ...(pools ? [idleMs] : []));
  const own = runner === undefined ? {} : { runner: mine(at, runner) };
  // It listens before the answer begins: from then on nothing is missed.
  const over = untilOver();
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

  /** Others' renewals wake who waits for any change: an idle runner is told only where something is in its queues. */
  async function untilOver(): Promise<"over"> {
    const listen = () => store.changed({ ...query, ...own, timeoutMs: endsAt - clock.uptime(), signal: link.signal });
    for (let hint = listen(); ; ) {
      await hint;
      if (!pools || link.signal.aborted || clock.uptime() >= endsAt) return "over";
      hint = listen();
      if (await hasWork()) return "over";
      await clock.sleep(lookMs, link.signal);
    }
  }
  /** A store that cannot say so has it: whoever claims is told what is wrong. */
  async function hasWork(): Promise<boolean> {
    const wanted = new Set(pools?.map(poolOfQueue));
    const counts = await store.counts().catch(() => undefined);
    return counts?.pools.some(({ pool, queued }) => queued > 0 && wanted.has(pool)) ?? true;
  }
}

const changedFrame = { event: "changed", data: "{}" };
