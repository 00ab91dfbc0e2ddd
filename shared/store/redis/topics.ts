import type { Clock } from "../../clock.ts";
import type { Listening, RedisWire } from "./wire.ts";

export type Ear = Pick<Listening, "onMessage" | "onUp" | "onDown">;
type Names = Pick<Listening, "channels" | "patterns">;
export type Topic = Readonly<{
  isUp(): boolean;
  /** Hears until the returned function is called. */
  join(ear: Ear): () => void;
}>;

type Options = Readonly<{
  wire: Pick<RedisWire, "listen">;
  clock: Clock;
  /** Hears all messages, also while nobody waits. */
  onMessage(channel: string, payload: string): void;
}>;

/** How long a subscription outlives who wanted it: most wait again at once. */
const lingerMs = 30_000;

/** Subscriptions that are shared by all who want the same; nothing is listened to that nobody waits for. */
export function openTopics({ wire, clock, onMessage }: Options) {
  const open = new Map<string, Topic>();
  const closing = new AbortController();

  function start(name: string, names: Names): Topic {
    const ears = new Set<Ear>();
    const stop = new AbortController();
    let linger = new AbortController();
    let up = false;
    const each = (act: (ear: Ear) => void) => {
      for (const ear of [...ears]) act(ear);
    };
    const end = () => {
      if (open.get(name) === topic) open.delete(name);
      stop.abort();
    };
    const topic: Topic = {
      isUp: () => up,
      join: (ear) => {
        linger.abort();
        ears.add(ear);
        return () => {
          if (!ears.delete(ear) || ears.size > 0) return;
          linger = new AbortController();
          const { signal } = linger;
          void clock.sleep(lingerMs, AbortSignal.any([signal, closing.signal])).then(() => signal.aborted || end());
        };
      },
    };
    const signal = AbortSignal.any([stop.signal, closing.signal]);
    wire.listen(
      {
        ...names,
        onMessage: (channel, payload) => {
          onMessage(channel, payload);
          each((ear) => ear.onMessage(channel, payload));
        },
        onUp: () => {
          up = true;
          each((ear) => ear.onUp());
        },
        onDown: () => {
          up = false;
          each((ear) => ear.onDown());
        },
      },
      signal,
    );
    return topic;
  }

  return {
    topic: (names: Names): Topic => {
      const name = JSON.stringify(names);
      const topic = open.get(name) ?? start(name, names);
      open.set(name, topic);
      return topic;
    },
    close: (): void => closing.abort(),
  };
}
