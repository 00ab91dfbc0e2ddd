import { expect, test } from "vitest";
import { aBridgedRedis, type BridgedRedis } from "../../support/a-bridged-redis.ts";

/** A stream as its bytes come. */
async function listen({ bridge }: BridgedRedis, path: string, method = "POST") {
  const leaving = new AbortController();
  const response = await fetch(`${bridge.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${bridge.token}`, accept: "text/event-stream" },
    signal: leaving.signal,
  });
  const reader = response.body?.getReader();
  let text = "";
  const decoder = new TextDecoder();
  /** What has come by the time that it ends so; undefined where the stream ends before. */
  const until = async (end: string): Promise<string | undefined> => {
    while (!text.endsWith(end)) {
      const piece = await reader?.read();
      if (!piece || piece.done) return undefined;
      text += decoder.decode(piece.value, { stream: true });
    }
    return text;
  };
  return { response, until, leave: () => leaving.abort() };
}
const listeners = async ({ client }: BridgedRedis, channel: string) =>
  (await client.exec<[string, number]>(["PUBSUB", "NUMSUB", channel]))[1];

test.each(["POST", "GET"])("%s of a channel gives Upstash's lines, once Redis has acknowledged", async (method) => {
  await using world = await aBridgedRedis();
  const stream = await listen(world, "/subscribe/ch", method);
  expect(stream.response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  expect(await stream.until("\n\n")).toBe("data: subscribe,ch,1\n\n");
  await world.client.publish("ch", "a,b");
  await world.client.publish("other", "x");
  await world.client.publish("ch", "grüße\nund mehr");
  expect(await stream.until("mehr\n\n")).toBe(
    "data: subscribe,ch,1\n\ndata: message,ch,a,b\n\ndata: message,ch,grüße\ndata: und mehr\n\n",
  );
});

test("a pattern gives the channel of each message", async () => {
  await using world = await aBridgedRedis();
  const stream = await listen(world, `/psubscribe/${encodeURIComponent("jobs:ä?:*")}`);
  expect(await stream.until("\n\n")).toBe("data: psubscribe,jobs:ä?:*,1\n\n");
  await world.client.publish("jobs:ä1:done", "now");
  expect(await stream.until("now\n\n")).toContain("data: pmessage,jobs:ä?:*,jobs:ä1:done,now\n\n");
});

test("many listen, Redis is asked once, and the channel is left with the last of them", async () => {
  await using world = await aBridgedRedis();
  const streams = await Promise.all(Array.from({ length: 20 }, () => listen(world, "/subscribe/many")));
  await Promise.all(streams.map((stream) => stream.until("many,1\n\n")));
  expect(await listeners(world, "many")).toBe(1);
  await world.client.publish("many", "hello");
  await Promise.all(streams.map((stream) => stream.until("many,hello\n\n")));
  const [first, ...others] = streams;
  for (const stream of others) stream.leave();
  await world.client.publish("many", "you");
  expect(await first?.until("many,you\n\n")).toBeDefined();
  first?.leave();
  await expect.poll(() => listeners(world, "many"), { timeout: 10_000 }).toBe(0);
  const again = await listen(world, "/subscribe/many");
  expect(await again.until("many,1\n\n")).toBeDefined();
  expect(await listeners(world, "many")).toBe(1);
});

test("a stream that has nothing to say says so", async () => {
  await using world = await aBridgedRedis({ limits: { keepAliveMs: 10 } });
  const stream = await listen(world, "/subscribe/quiet");
  expect(await stream.until(": keep-alive\n\n: keep-alive\n\n")).toBeDefined();
});

test("more subscriptions than it holds are refused, and who leaves makes room", async () => {
  await using world = await aBridgedRedis({ limits: { subscriptions: 2 } });
  const [first] = await Promise.all([listen(world, "/subscribe/a"), listen(world, "/subscribe/b")]);
  expect(await world.ask("/subscribe/c")).toMatchObject({ status: 429, json: { error: "ERR too many subscriptions" } });
  first?.leave();
  await expect.poll(async () => (await listen(world, "/subscribe/c")).response.status, { timeout: 10_000 }).toBe(200);
});

test("a reader that does not read is left", async () => {
  await using world = await aBridgedRedis();
  const stream = await listen(world, "/subscribe/flood");
  const flood = async () => {
    await world.ask("/pipeline", { body: Array(8).fill(["PUBLISH", "flood", "x".repeat(500_000)]) });
    return listeners(world, "flood");
  };
  await expect.poll(flood, { timeout: 20_000, interval: 1 }).toBe(0);
  stream.leave();
});

test("when Redis is lost the streams end, and a new one hears again", async () => {
  await using world = await aBridgedRedis();
  const stream = await listen(world, "/subscribe/ch");
  await stream.until("ch,1\n\n");
  await world.server.kill9();
  expect(await stream.until("never")).toBeUndefined();
  expect(await world.ask("/subscribe/ch")).toMatchObject({ status: 503 });
  await world.server.restart();
  let again = stream;
  // The bridge's own way to Redis may still be down: then a stream is refused, and is asked for again.
  const heard = async () => {
    again = await listen(world, "/subscribe/ch");
    return await again.until("ch,1\n\n");
  };
  await expect.poll(heard, { timeout: 20_000 }).toBe("data: subscribe,ch,1\n\n");
  await world.client.publish("ch", "back");
  expect(await again.until("back\n\n")).toBeDefined();
});

test("the bridge's end ends the streams at once", async () => {
  await using world = await aBridgedRedis();
  const stream = await listen(world, "/subscribe/ch");
  await stream.until("ch,1\n\n");
  const since = performance.now();
  const [end] = await Promise.all([stream.until("never"), world.bridge.dispose()]);
  expect(end).toBeUndefined();
  expect(performance.now() - since).toBeLessThan(2_000);
});
