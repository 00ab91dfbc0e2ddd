import { Redis as TcpRedis } from "ioredis";
import { expect, test } from "vitest";
import { startBridge } from "../../support/a-bridge.ts";
import { aBridgedRedis } from "../../support/a-bridged-redis.ts";
import { startRedis } from "../../support/a-redis.ts";

const away = { status: 503, json: { error: expect.stringMatching(/^ERR /) } };

test("it starts without Redis, answers 503, and serves once that is there", async () => {
  await using world = await aBridgedRedis();
  await world.server.stop();
  await using late = await startBridge(world.server.url);
  const headers = { authorization: `Bearer ${late.token}` };
  const ask = async (path: string, method: string) => {
    const body = method === "POST" ? '["PING"]' : null;
    const answer = await fetch(`${late.url}${path}`, { method, headers, body });
    return { status: answer.status, wait: answer.headers.get("retry-after"), json: await answer.json() };
  };
  expect(await ask("/", "POST")).toMatchObject({ ...away, wait: "1" });
  expect(await ask("/health", "GET")).toMatchObject(away);
  await world.server.restart();
  await expect.poll(() => ask("/", "POST"), { timeout: 10_000 }).toMatchObject({ json: { result: "PONG" } });
  expect(await ask("/health", "GET")).toMatchObject({ status: 200 });
});

test("what was on its way when Redis died is answered with 503, and nothing is sent twice", async () => {
  await using world = await aBridgedRedis({ limits: { requests: 3 } });
  await world.client.ping();
  world.server.freeze();
  const sent = [
    world.ask("/", { body: ["INCR", "n"] }),
    world.ask("/pipeline", { body: [["INCR", "n"], ["PING"]] }),
    world.ask("/multi-exec", { body: [["INCR", "n"]] }),
    world.ask("/", { body: ["INCR", "n"] }),
  ];
  // One is over the limit: so the others are on their way.
  expect(await Promise.race(sent)).toMatchObject({ status: 429 });
  await world.server.kill9();
  expect((await Promise.all(sent)).map(({ status }) => status).sort()).toEqual([429, 503, 503, 503]);
  await world.server.restart();
  await expect
    .poll(() => world.ask("/", { body: ["GET", "n"] }), { timeout: 10_000 })
    .toMatchObject({ json: { result: null } });
});

test("a Redis that does not answer is given up after the time-out", async () => {
  await using world = await aBridgedRedis({ limits: { timeoutMs: 300 } });
  await world.client.ping();
  world.server.freeze();
  const since = performance.now();
  expect(await world.ask("/", { body: ["PING"] })).toMatchObject(away);
  expect(performance.now() - since).toBeLessThan(2_000);
  world.server.thaw();
  await expect.poll(() => world.ask("/", { body: ["PING"] }), { timeout: 10_000 }).toMatchObject({ status: 200 });
});

test("a Redis that is busy with somebody's script will serve later", async () => {
  await using server = await startRedis({ config: ["busy-reply-threshold 20"] });
  await using bridge = await startBridge(server.url);
  const endless = new TcpRedis(server.url);
  const running = endless.eval("while true do end", 0).catch((error: Error) => error.message);
  const ask = async () => {
    const headers = { authorization: `Bearer ${bridge.token}` };
    const answer = await fetch(bridge.url, { method: "POST", headers, body: '["GET","a"]' });
    return { status: answer.status, json: await answer.json() };
  };
  await expect
    .poll(ask, { timeout: 10_000 })
    .toMatchObject({ status: 503, json: { error: expect.stringContaining("BUSY") } });
  const killer = new TcpRedis(server.url, { enableReadyCheck: false });
  await killer.script("KILL");
  expect(await running).toContain("Script killed");
  expect(await ask()).toMatchObject({ status: 200 });
  endless.disconnect();
  killer.disconnect();
});
