import type { Listening, RedisWire } from "../../shared/store/redis/wire.ts";
import { eventually } from "./eventually.ts";

/** Listens, and remembers what was heard as `channel payload`. */
export function listenWith(wire: Pick<RedisWire, "listen">, what: Pick<Listening, "channels" | "patterns">) {
  const stopping = new AbortController();
  const heard: string[] = [];
  const log: ("up" | "down")[] = [];
  wire.listen(
    {
      ...what,
      onMessage: (channel, payload) => void heard.push(`${channel} ${payload}`),
      onUp: () => void log.push("up"),
      onDown: () => void log.push("down"),
    },
    stopping.signal,
  );
  return {
    heard: (): readonly string[] => heard,
    log: (): readonly string[] => log,
    up: () => eventually(() => log.at(-1) === "up", { what: "the subscription" }),
    stop: () => stopping.abort(),
    [Symbol.dispose]: () => stopping.abort(),
  };
}
