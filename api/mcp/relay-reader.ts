import { isStoreAway } from "../../shared/error.ts";
import type { ApiDeps } from "../deps.ts";
import { linkSignals } from "../link-signals.ts";
import type { RelayTransport } from "./relay-transport.ts";

/** A relay that nobody has taken from for so long is gone: its reader takes four times as often. */
export const relayTtlMs = 60_000;
const takeMs = 15_000;
/** A store that is away is asked again so soon. */
const awayMs = 1_000;
/** So many requests of one stream are worked on at once; more wait in the relay. */
const maxPending = 32;
/** An old stream ends between two calls. One that is never without a call ends all the same: no call takes longer than this. */
const patienceMs = 60_000;

type Reader = Readonly<{ channel: string; transport: RelayTransport; signal: AbortSignal }>;

/**
 * Takes messages from the relay and gives them to the server, until the signal aborts, the relay is gone, or the stream is to
 * end: because it is old, or the process ends. Then the relay is closed, what it had taken is done and answered.
 */
export async function readRelay(deps: ApiDeps, { channel, transport, signal }: Reader): Promise<void> {
  const { store, clock, stopping, streamMs = Number.POSITIVE_INFINITY } = deps;
  const end = clock.uptime() + streamMs;
  let isClosed = false;
  for (let after = 0; !signal.aborted; ) {
    const leftMs = end - clock.uptime();
    const isOver = stopping?.aborted === true || leftMs <= 0;
    if (isOver && !isClosed && (transport.pending() === 0 || leftMs <= -patienceMs)) {
      await whenThere(store.closeRelay(channel));
      isClosed = true;
    }
    // Of a process that ends or a stream that is old there is nothing more to hear but that its calls are done.
    using link = linkSignals(signal, isOver ? undefined : stopping);
    const timeoutMs = Math.max(1, Math.min(takeMs, isOver ? leftMs + patienceMs : leftMs));
    const hint = store.changed({ relay: { channel, after }, timeoutMs, signal: link.signal });
    const taken = await whenThere(store.takeRelay({ channel, after, ttlMs: relayTtlMs }));
    if (taken === "away") {
      await clock.sleep(awayMs, link.signal);
      continue;
    }
    if (!taken) return;
    for (const { n, text } of taken) {
      transport.deliver(text);
      after = n;
    }
    if (isClosed && taken.length === 0) return await transport.settled(0, signal);
    if (taken.length === 0 && !isClosed)
      await (isOver ? Promise.race([hint, transport.settled(0, link.signal)]) : hint);
    await transport.settled(maxPending, link.signal);
  }
}

const whenThere = <T>(asked: Promise<T>): Promise<T | "away"> =>
  asked.catch((error: unknown) => {
    if (isStoreAway(error)) return "away" as const;
    throw error;
  });
