import { backOff, type Clock, jittered } from "../../clock.ts";
import type { Secret } from "../../secret.ts";
import { readSubscription, type Subscription } from "./subscription-stream.ts";
import type { Listening } from "./wire.ts";

/** The times of event streams, in milliseconds. */
export type Rhythm = Readonly<{
  /** Until Redis has acknowledged what is listened to. */
  ackMs: number;
  /** No byte for this long, and the connection is taken for dead. */
  silenceMs: number;
  /** A connection this old is replaced, before something on the way does it unseen. ±10 %. */
  ageMs: number;
  /** Pauses between tries: full jitter over a second, doubling. */
  firstPauseMs: number;
  longestPauseMs: number;
  /** Between looks at a server that has no event streams. ±10 %. */
  unsupportedMs: number;
}>;

export const rhythm: Rhythm = {
  ackMs: 10_000,
  silenceMs: 90_000,
  ageMs: 300_000,
  firstPauseMs: 1_000,
  longestPauseMs: 64_000,
  unsupportedMs: 600_000,
};

type Options = Readonly<{
  base: string;
  token: Secret;
  clock: Clock;
  random: () => number;
  fetch: typeof fetch;
  rhythm: Rhythm;
}>;

/** How a set of streams ended; `stood` when all were acknowledged for a while. */
type End = Readonly<{ why: "aged" | "lost" | "unsupported"; stood: boolean; afterMs?: number }>;

/**
 * Listens over event streams, one for each channel or pattern. Those of one listening stand and fall together: whoever
 * listens wants to know whether it hears everything.
 */
export function httpListener(options: Options) {
  const { clock, random, rhythm } = options;
  const closing = new AbortController();

  async function keep(what: Listening, signal: AbortSignal): Promise<void> {
    let up = false;
    const onUp = () => {
      up = true;
      what.onUp();
    };
    for (let failures = 0; !signal.aborted; ) {
      const { why, stood, afterMs = 0 } = await listenOnce({ what, onUp }, signal);
      if (signal.aborted) return;
      if (stood) failures = 0;
      if (why === "aged") continue;
      if (up) what.onDown();
      up = false;
      const pause = { baseMs: rhythm.firstPauseMs, capMs: rhythm.longestPauseMs };
      const wait =
        why === "unsupported" ? jittered(rhythm.unsupportedMs, random) : random() * backOff(failures++, pause);
      await clock.sleep(Math.max(wait, afterMs), signal);
    }
  }

  /** Until the first of the streams ends, for whatever reason; then none is left. */
  async function listenOnce(
    { what, onUp }: Readonly<{ what: Listening; onUp: () => void }>,
    signal: AbortSignal,
  ): Promise<End> {
    const link = new AbortController();
    const unlink = () => link.abort();
    signal.addEventListener("abort", unlink, { once: true });
    const names: Subscription[] = [
      ...(what.channels ?? []).map((name) => ({ kind: "subscribe" as const, name })),
      ...(what.patterns ?? []).map((name) => ({ kind: "psubscribe" as const, name })),
    ];
    let waiting = names.length;
    let heard = clock.uptime();
    let since = Number.POSITIVE_INFINITY;
    const ear = {
      onBytes: () => {
        heard = clock.uptime();
      },
      onAcknowledged: () => {
        if (--waiting !== 0 || link.signal.aborted) return;
        since = clock.uptime();
        onUp();
      },
      onMessage: (channel: string, payload: string) => {
        if (!link.signal.aborted) what.onMessage(channel, payload);
      },
    };
    try {
      const end = await Promise.race([
        ...names.map((subscription) => readSubscription({ ...options, subscription, ear }, link.signal)),
        silence(),
        clock.sleep(jittered(rhythm.ageMs, random), link.signal).then(() => ({ why: "aged" as const })),
      ]);
      return { ...end, stood: clock.uptime() - since > rhythm.firstPauseMs };
    } finally {
      signal.removeEventListener("abort", unlink);
      link.abort();
    }

    async function silence(): Promise<{ why: "lost" }> {
      await clock.sleep(rhythm.ackMs, link.signal);
      while (waiting === 0 && !link.signal.aborted) {
        const left = heard + rhythm.silenceMs - clock.uptime();
        if (left <= 0) break;
        await clock.sleep(left, link.signal);
      }
      return { why: "lost" };
    }
  }

  return {
    listen(what: Listening, signal: AbortSignal): void {
      if (signal.aborted || closing.signal.aborted) return;
      void keep(what, AbortSignal.any([signal, closing.signal]));
    },
    close: () => closing.abort(),
  };
}
