import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startBridge } from "./a-bridge.ts";
import { startRedis } from "./a-redis.ts";
import { eventually } from "./eventually.ts";
import { startFaultProxy } from "./fault-proxy.ts";

const anHttpWay = async () => {
  const parts = new AsyncDisposableStack();
  const redis = parts.use(await startRedis());
  const bridge = parts.use(await startBridge(redis.url));
  const proxy = parts.use(await startFaultProxy(bridge.url, { seed: 7 }));
  const ask = (...command: string[]) =>
    fetch(proxy.url, {
      method: "POST",
      headers: { authorization: `Bearer ${bridge.token}`, "content-type": "application/json" },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(5_000),
    });
  const value = async (key: string) => (await (await ask("GET", key)).json()).result;
  return { proxy, ask, value, [Symbol.asyncDispose]: () => parts.disposeAsync() };
};

test("over HTTP each fault is what its name says", async () => {
  await using at = await anHttpWay();
  at.proxy.next("lose-request", "lose-reply", "429", "500", "502", "slow");
  await expect(at.ask("INCR", "n")).rejects.toThrow();
  await expect(at.ask("INCR", "n")).rejects.toThrow();
  const refused = await at.ask("INCR", "n");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  expect((await at.ask("INCR", "n")).status).toBe(500);
  const html = await at.ask("INCR", "n");
  expect([html.status, html.headers.get("content-type")]).toEqual([502, "text/html"]);
  expect((await at.ask("INCR", "n")).status).toBe(200);
  // The one whose reply was lost, and the slow one.
  expect(await at.value("n")).toBe("2");
  expect(at.proxy.requests.map(({ path, fate }) => [path, fate])).toContainEqual(["/", "lose-reply"]);
  expect(at.proxy.counts()).toMatchObject({ "lose-request": 1, "lose-reply": 1, slow: 1, pass: 1 });
});

test("a frozen way takes connections and answers nobody, until it thaws", async () => {
  await using at = await anHttpWay();
  expect(await at.value("n")).toBeNull();
  at.proxy.freeze();
  let answered = false;
  const answer = at.value("n").finally(() => {
    answered = true;
  });
  const other = at.value("n");
  await eventually(() => at.proxy.open() >= 2, { deadlineMs: 5000, what: () => String(at.proxy.open()) });
  expect(answered).toBe(false);
  at.proxy.thaw();
  expect(await Promise.all([answer, other])).toEqual([null, null]);
});

test("the same seed gives the same fates", async () => {
  const fates = async () => {
    await using at = await anHttpWay();
    at.proxy.misbehave({ "500": 0.5 });
    for (let n = 0; n < 20; n++) await at.ask("PING");
    return at.proxy.requests.map(({ fate }) => fate);
  };
  const first = await fates();
  expect(new Set(first)).toEqual(new Set(["500", "pass"]));
  expect(await fates()).toEqual(first);
});

test("over TCP a request or a reply is lost, and every connection can be reset", async () => {
  await using redis = await startRedis();
  await using proxy = await startFaultProxy(redis.url);
  const direct = new Redis(redis.url);
  const client = new Redis(proxy.url, {
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
  });
  client.on("error", () => undefined);
  await client.incr("n");
  proxy.next("lose-request");
  await expect(client.incr("n")).rejects.toThrow();
  expect(await direct.get("n")).toBe("1");
  await eventually(() => client.status === "ready");
  proxy.next("lose-reply");
  await expect(client.incr("n")).rejects.toThrow();
  expect(await direct.get("n")).toBe("2");
  await eventually(() => client.status === "ready");
  proxy.reset();
  await eventually(() => client.status !== "ready");
  client.disconnect();
  direct.disconnect();
});

test("it runs in a process of its own that ends with its input", async () => {
  await using redis = await startRedis();
  const main = fileURLToPath(new URL("../fixtures/fault-proxy-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, redis.url, "3"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value ?? "null");
  const { url } = await next();
  const client = new Redis(url, {
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on("error", () => undefined);
  expect(await client.ping()).toBe("PONG");
  child.stdin.write('{"do":"next","faults":["lose-reply"]}\n');
  expect(await next()).toMatchObject({ done: "next" });
  await expect(client.ping()).rejects.toThrow();
  child.stdin.write('{"do":"counts"}\n');
  expect(await next()).toEqual({ done: "counts", counts: { pass: 1, "lose-reply": 1 } });
  child.stdin.end();
  expect(await ended).toBe(0);
});
