import type { ChangeQuery } from "../../change-query.ts";
import { type Clock, jittered } from "../../clock.ts";
import { type Concern, concernOf } from "./concerns.ts";
import type { Context } from "./context.ts";
import type { News } from "./news.ts";
import { openTopics } from "./topics.ts";

/** A plain look by an idle runner while messages come, and by everybody while none can. */
const idleReadMs = 60_000;
const downReadMs = 5_000;
/** One of many who could do the same: milliseconds until it does, unless it hears that another one did. */
const soonMs = 200;
/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1;
/** So that not all of many runners ask at once for one job: milliseconds for each, and in all. */
const crowd = 20;
const crowdMs = 5;
const crowdMostMs = 2_000;

type Parts = Pick<Context, "wire" | "key" | "clock" | "random" | "news" | "run">;

/** Tells waiters of changes: by messages, by what answers have told of times to come, and rarely by a look. */
export function openChanges(parts: Parts) {
  const { clock, random, news } = parts;
  const wakes = parts.key("wake");
  const topics = openTopics({
    ...parts,
    onMessage: (channel, payload) => {
      if (channel === wakes) news.hear(payload);
    },
  });
  const closing = new AbortController();

  return {
    wait: (what: ChangeQuery): Promise<void> => {
      if (closing.signal.aborted || what.signal?.aborted || what.timeoutMs <= 0) return Promise.resolve();
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, closing.signal, ...(what.signal ? [what.signal] : [])]);
      const concern = concernOf(what, parts);
      const end = clock.uptime() + Math.min(what.timeoutMs, longestMs);
      return waiting({ concern, topic: topics.topic(concern.topic), news, clock, random, end, signal }).finally(() =>
        over.abort(),
      );
    },
    close: (): void => {
      closing.abort();
      topics.close();
    },
  };
}

type Wait = Readonly<{
  concern: Concern;
  topic: ReturnType<ReturnType<typeof openTopics>["topic"]>;
  news: News;
  clock: Clock;
  random: () => number;
  end: number;
  signal: AbortSignal;
}>;

/** Resolves when the concern is met, at the end, or by the signal. */
async function waiting({ concern, topic, news, clock, random, end, signal }: Wait): Promise<void> {
  const over = new AbortController();
  const stop = AbortSignal.any([over.signal, signal]);
  const wake = () => over.abort();
  /** What cannot be read now is read again later. */
  const ask = () =>
    void concern.happened().then(
      (yes) => yes && wake(),
      () => undefined,
    );
  let wasUp = topic.isUp();
  let turn = new AbortController();
  let soon: AbortController | undefined;
  const leave = topic.join({
    onMessage: (channel, payload) => {
      const meaning = concern.heard(channel, payload);
      if (meaning === "ask") ask();
      if (meaning === "wake") wakeInTurn();
      if (meaning === "soon") wakeSoon();
      if (meaning === "over") soon?.abort();
    },
    onUp: () => {
      if (wasUp && !concern.asksFirst) wake();
      else ask();
      wasUp = true;
      turn.abort();
    },
    onDown: () => turn.abort(),
  });
  function wakeInTurn(): void {
    const live = concern.isIdle ? news.live() : 0;
    if (live <= crowd) wake();
    else void clock.sleep(random() * Math.min(crowdMostMs, crowdMs * live), stop).then(wake);
  }
  function wakeSoon(): void {
    if (soon && !soon.signal.aborted) return;
    soon = new AbortController();
    const { signal } = soon;
    void clock.sleep(random() * soonMs, AbortSignal.any([stop, signal])).then(() => signal.aborted || wake());
  }
  const noted = () => {
    if (concern.isKnown?.()) wakeInTurn();
    turn.abort();
  };
  const unnote = concern.isIdle ? news.onNote(noted) : () => undefined;
  if (concern.isKnown?.()) wakeInTurn();
  if (concern.asksFirst) ask();
  let lookedAt = clock.uptime();
  const lookAt = () => {
    if (!topic.isUp()) return lookedAt + jittered(concern.downMs ?? downReadMs, random);
    if (!concern.isIdle) return Number.POSITIVE_INFINITY;
    return (
      Math.max(lookedAt, news.toldAt()) + jittered(Math.min(idleReadMs, Math.max(1_000, news.leaseMs() / 4)), random)
    );
  };

  try {
    while (!stop.aborted) {
      turn = new AbortController();
      const due = lookAt();
      const next = concern.isIdle ? clock.uptime() + news.untilNextMs() : Number.POSITIVE_INFINITY;
      const waitMs = Math.max(0, Math.min(due, next, end) - clock.uptime());
      await clock.sleep(waitMs, AbortSignal.any([stop, turn.signal]));
      const now = clock.uptime();
      if (stop.aborted || now >= end) return;
      if (now >= next) {
        news.nextPassed();
        return;
      }
      if (now < due) continue;
      lookedAt = now;
      ask();
    }
  } finally {
    over.abort();
    leave();
    unnote();
  }
}
