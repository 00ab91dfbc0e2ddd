import { expect, test } from "vitest";
import { systemClock } from "../../../../shared/clock.node.ts";
import { Secret } from "../../../../shared/secret.ts";
import { openHttpWire } from "../../../../shared/store/redis/http-wire.ts";
import type { WireLimits } from "../../../../shared/store/redis/patience.ts";
import type { Script } from "../../../../shared/store/redis/wire.ts";
import { startBridge } from "../../../support/a-bridge.ts";
import { startRedis } from "../../../support/a-redis.ts";
import { eventually } from "../../../support/eventually.ts";
import { everyWord } from "../../../support/every-word.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { listenWith } from "../../../support/listen-with.ts";
import { memoryLog } from "../../../support/memory-log.ts";

/** What no error and no log may show. */
const prompt = "fix-the-secret-bug-of-the-king";
/** Each run leaves a line: what was done twice is there twice. */
const note: Script = { name: "note", source: "redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]" };

async function aWay(limits: Partial<WireLimits> = {}) {
  const parts = new AsyncDisposableStack();
  const redis = parts.use(await startRedis());
  const bridge = parts.use(await startBridge(redis.url));
  const proxy = parts.use(await startFaultProxy(bridge.url, { slowMs: 300 }));
  const log = memoryLog();
  const random = () => 0.1;
  const token = new Secret(bridge.token);
  const wire = parts.use(openHttpWire({ url: proxy.url, token, clock: systemClock, random, fetch, log, limits }));
  const bodies = () => proxy.requests.map(({ body }) => JSON.parse(body));
  return { bridge, proxy, wire, log, bodies, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

test("a call is one request with one command, never a pipeline or a transaction", async () => {
  await using at = await aWay();
  await at.wire.send(["SET", "text", "1"]);
  const together = [at.wire.send(["INCR", "n"]), at.wire.send(["LPUSH", "text", "x"]), at.wire.send(["GET", "text"])];
  const ends = await Promise.allSettled(together);
  // What fails takes nobody with it.
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(at.proxy.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(4).fill("POST /"));
  expect(at.bodies()).toEqual(expect.arrayContaining([["INCR", "n"]]));
});

test("nothing but the token and what the protocol asks for is told to the server", async () => {
  await using at = await aWay();
  await at.wire.send(["GET", "k"]);
  const { headers, path } = at.proxy.requests[0] ?? { headers: {}, path: "" };
  // serverless-redis-http takes exactly this type and no token in the address.
  expect(headers["content-type"]).toBe("application/json");
  expect(headers.authorization).toBe(`Bearer ${at.bridge.token}`);
  expect(path).toBe("/");
  expect(Object.keys(headers).filter((name) => /telemetry|upstash/i.test(name))).toEqual([]);
});

test("a read sees what was written before it: the state that an answer names is sent along", async () => {
  await using at = await aWay();
  await at.wire.send(["SET", "k", "v"]);
  await at.wire.send(["GET", "k"]);
  const [first, second] = at.proxy.requests;
  expect(first?.headers["upstash-sync-token"]).toBeUndefined();
  expect(second?.headers["upstash-sync-token"]).toMatch(/./);
});

test("a lost reply has the same command sent again, once for each loss and not more", async () => {
  await using at = await aWay();
  await at.wire.run(note, ["list"], ["a"]);
  at.proxy.next("lose-reply", "lose-reply");
  expect(await at.wire.run(note, ["list"], ["b"])).toBe("b");
  expect(await at.wire.send(["LRANGE", "list", 0, -1])).toEqual(["a", "b", "b", "b"]);
  const sent = at.bodies().filter((body) => body[0] === "EVALSHA" && body.at(-1) === "b");
  expect(sent).toHaveLength(3);
  expect(new Set(sent.map((body) => JSON.stringify(body)))).toHaveLength(1);
});

test("a request that was lost is sent again, and a success is never sent twice", async () => {
  await using at = await aWay();
  at.proxy.next("lose-request");
  expect(await at.wire.send(["INCR", "n"])).toBe(1);
  expect(await at.wire.send(["INCR", "n"])).toBe(2);
  expect(at.proxy.requests).toHaveLength(3);
});

test.each(["500", "502", "slow"] as const)("an answer %s of somebody in between is got over", async (fault) => {
  await using at = await aWay();
  at.proxy.next(fault);
  expect(await at.wire.send(["SET", "k", "v"])).toBe("OK");
  expect(at.proxy.requests).toHaveLength(fault === "slow" ? 1 : 2);
});

test("a server that wants to be left alone is, for as long as it says", async () => {
  await using at = await aWay();
  at.proxy.next("429");
  const start = performance.now();
  await at.wire.send(["PING"]);
  expect(performance.now() - start).toBeGreaterThan(990);
});

test("a server that nobody hears from ends every call within its deadline, and never as if it had worked", async () => {
  await using at = await aWay({ tryMs: 150, callMs: 400, downMs: 100 });
  await at.wire.send(["GET", "k"]);
  at.proxy.freeze();
  const start = performance.now();
  const calls = [at.wire.send(["SET", "k", prompt]), at.wire.send(["GET", "k"]), at.wire.run(note, ["l"], [prompt])];
  for (const call of await Promise.allSettled(calls))
    expect(call).toMatchObject({ status: "rejected", reason: { code: "store_unavailable" } });
  expect(performance.now() - start).toBeLessThan(4_000);
});

test("no failure shows the command or the token, neither to the caller nor in the log", async () => {
  await using at = await aWay({ tryMs: 200, callMs: 300, downMs: 50, probeMs: 0 });
  const shown: string[] = [];
  for (const fault of ["lose-request", "lose-reply", "429", "500", "502", "hold"] as const) {
    at.proxy.misbehave({ [fault]: 1 });
    const error = await at.wire.send(["SET", "k", prompt]).catch((thrown) => thrown);
    expect(error, fault).toMatchObject({ code: "store_unavailable", remedy: expect.stringMatching(/./) });
    shown.push(everyWord(error));
  }
  at.proxy.misbehave({});
  shown.push(everyWord(await at.wire.send(["NOSUCH", prompt]).catch((thrown) => thrown)), ...at.log.lines);
  expect(shown).toHaveLength(7 + at.log.lines.length);
  expect(at.log.lines.length).toBeGreaterThan(0);
  for (const text of shown) {
    expect(text).not.toContain(prompt);
    expect(text).not.toContain(at.bridge.token);
  }
});

test("an outage is logged once, and so is its end", async () => {
  await using at = await aWay({ tryMs: 100, callMs: 150, downMs: 50, probeMs: 60_000 });
  at.proxy.misbehave({ "500": 1 });
  for (let n = 0; n < 3; n++) await expect(at.wire.send(["PING"])).rejects.toThrow("no answer to PING");
  at.proxy.misbehave({});
  await eventually(() => at.wire.send(["PING"]).then(Boolean, () => undefined));
  expect(at.log.lines.map((line) => JSON.parse(line).message)).toEqual([
    expect.stringMatching(/is away$/),
    expect.stringMatching(/answers again$/),
  ]);
});

test("a wrong token, a wrong address, an unknown certificate and a redirect are told as what they are, at once", async () => {
  await using redis = await startRedis();
  await using bridge = await startBridge(redis.url);
  const told = async (url: string, token: string, answer?: () => Response) => {
    const ask: typeof fetch = answer ? async () => answer() : fetch;
    await using wire = openHttpWire({ url, token: new Secret(token), clock: systemClock, random: () => 0, fetch: ask });
    return wire.send(["PING"]).catch((error) => `${error.code}: ${error.message} ${error.remedy}`);
  };
  expect(await told(bridge.url, "not-the-token")).toMatch(/store_unavailable: .* refuses the token.*REDIS_TOKEN/);
  expect(await told(`${bridge.url}/elsewhere`, bridge.token)).toMatch(/answers HTTP 40\d and is no Redis.*REDIS_URL/);
  const untrusted = () => {
    const cause = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    throw new TypeError("fetch failed", { cause });
  };
  expect(await told(bridge.url, bridge.token, untrusted)).toMatch(/is not trusted: self-signed.*NODE_EXTRA_CA_CERTS/);
  const moved = () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example" } });
  expect(await told(bridge.url, bridge.token, moved)).toMatch(/answers with a redirect/);
  expect(() =>
    openHttpWire({ url: "https://me:secret@host", token: new Secret("t"), clock: systemClock, random: () => 0, fetch }),
  ).toThrow("REDIS_URL is no address");
});

test.each(["endAnswers", "reset", "freeze"] as const)("a subscription is not deaf after %s", async (fault) => {
  await using redis = await startRedis();
  await using bridge = await startBridge(redis.url);
  await using proxy = await startFaultProxy(bridge.url);
  await using wire = openHttpWire({
    url: proxy.url,
    token: new Secret(bridge.token),
    clock: systemClock,
    random: () => 0.5,
    fetch,
    rhythm: { ackMs: 500, silenceMs: 500, firstPauseMs: 100, longestPauseMs: 200 },
  });
  using ear = listenWith(wire, { channels: ["wake"] });
  await ear.up();
  proxy[fault]();
  await eventually(() => ear.log().includes("down"));
  proxy.thaw();
  await ear.up();
  await eventually(async () => {
    await wire.send(["PUBLISH", "wake", "1"]);
    return ear.heard().includes("wake 1");
  });
});

test("a closed wire answers nobody and leaves nothing running", async () => {
  await using at = await aWay();
  await at.wire[Symbol.asyncDispose]();
  await expect(at.wire.send(["PING"])).rejects.toThrow("closed by this process");
});
