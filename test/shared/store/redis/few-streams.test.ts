import { expect, test } from "vitest";
import type { RedisWire } from "../../../../shared/store/redis/wire.ts";
import { withFewStreams } from "../../../../shared/store/redis-over-http.ts";

test("beyond so many streams nothing is listened to, until one of them ends", () => {
  const heard: (readonly string[])[] = [];
  const wire: RedisWire = {
    send: async () => null,
    run: async () => null,
    listen: ({ channels = [] }) => void heard.push(channels),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const few = withFewStreams(wire, 2);
  const listen = (...channels: readonly string[]) => {
    const end = new AbortController();
    few.listen({ channels, onMessage: () => undefined, onUp: () => undefined, onDown: () => undefined }, end.signal);
    return end;
  };
  const first = listen("a");
  listen("b", "c");
  listen("d");
  listen("e");
  expect(heard).toEqual([["a"], ["d"]]);
  first.abort();
  listen("f");
  expect(heard.at(-1)).toEqual(["f"]);
});
