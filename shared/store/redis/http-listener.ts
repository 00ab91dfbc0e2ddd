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

/** Why a session ended. */
type End = Readonly<{ why: "lost" | "unsupported"; afterMs?: number }>;

/** The streams of one listening: they stand and fall together, since whoever listens wants to know whether it hears everything. */
type Session = Readonly<{
  /** Once Redis has acknowledged all of them. */
  stands: Promise<"stands">;
  /** Once one of them has ended, for whatever reason. */
  ended: Promise<End>;
  close(): void;
}>;

/** Listens over event streams, one for each channel or pattern. */
export function httpListener(options: Options) {
  const { clock, random, rhythm } = options;
  const closing = new AbortController();

  async function keep(what: Listening, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const session = openSession(what, signal);
      const first = await Promise.race([session.stands, session.ended]);
      const start = clock.uptime();
      if (first === "stands") what.onUp();
      const { why, afterMs = 0 } = first === "stands" ? await stay(session, what, signal) : first;
      session.close();
      if (signal.aborted) return;
      if (first === "stands") what.onDown();
      if (first === "stands" && clock.uptime() - start > rhythm.firstPauseMs) failures = 0;
      const pause = { baseMs: rhythm.firstPauseMs, capMs: rhythm.longestPauseMs };
      const wait =
        why === "unsupported" ? jittered(rhythm.unsupportedMs, random) : random() * backOff(failures++, pause);
      await clock.sleep(Math.max(wait, afterMs), signal);
    }
  }

  /** Until a session is lost. Old ones are replaced without a gap: the next stands before the last one is closed. */
  async function stay(first: Session, what: Listening, signal: AbortSignal): Promise<End> {
    for (let session = first; ; ) {
      const over = new AbortController();
      const age = clock.sleep(jittered(rhythm.ageMs, random), over.signal).then(() => "aged" as const);
      const event = await Promise.race([session.ended, age]);
      over.abort("over");
      if (event !== "aged") return event;
      const next = openSession(what, signal);
      const found = await Promise.race([next.stands, next.ended, session.ended]);
      // Where the next one does not come to stand the old one goes on, for as long as it does.
      const left = found === "stands" ? session : next;
      left.close();
      if (found === "stands") session = next;
    }
  }

  function openSession(what: Listening, signal: AbortSignal): Session {
    const link = new AbortController();
    const close = () => link.abort("over");
    signal.addEventListener("abort", close, { signal: link.signal });
    if (signal.aborted) close();
    const names: Subscription[] = [
      ...(what.channels ?? []).map((name) => ({ kind: "subscribe" as const, name })),
      ...(what.patterns ?? []).map((name) => ({ kind: "psubscribe" as const, name })),
    ];
    const standing = Promise.withResolvers<"stands">();
    let waiting = names.length;
    let heard = clock.uptime();
    const ear = {
      onBytes: () => {
        heard = clock.uptime();
      },
      onAcknowledged: () => {
        if (--waiting === 0 && !link.signal.aborted) standing.resolve("stands");
      },
      onMessage: (channel: string, payload: string) => {
        if (!link.signal.aborted) what.onMessage(channel, payload);
      },
    };
    const streams = names.map((subscription) => readSubscription({ ...options, subscription, ear }, link.signal));
    return { stands: standing.promise, ended: Promise.race([...streams, silence()]), close };

    async function silence(): Promise<End> {
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
