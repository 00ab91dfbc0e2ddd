import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { systemClock } from "../../../../shared/clock.node.ts";
import { Secret } from "../../../../shared/secret.ts";
import { openTcpWire, type TcpWireOptions } from "../../../../shared/store/redis/tcp-wire.node.ts";
import type { Script } from "../../../../shared/store/redis/wire.ts";
import { startRedis } from "../../../support/a-redis.ts";
import { eventually } from "../../../support/eventually.ts";
import { everyWord } from "../../../support/every-word.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { freePort } from "../../../support/free-port.ts";
import { listenWith } from "../../../support/listen-with.ts";
import { memoryLog } from "../../../support/memory-log.ts";

const prompt = "fix-the-secret-bug-of-the-king";
const note: Script = { name: "note", source: "redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]" };
const wireTo = (url: string, options: Partial<TcpWireOptions> = {}) =>
  openTcpWire({ url, clock: systemClock, random: () => 0.1, ...options });

async function aWay(options: Partial<TcpWireOptions> = {}) {
  const parts = new AsyncDisposableStack();
  const redis = parts.use(await startRedis());
  const proxy = parts.use(await startFaultProxy(redis.url));
  const log = memoryLog();
  const wire = parts.use(wireTo(proxy.url, { log, ...options }));
  const direct = new Redis(redis.url);
  direct.on("error", () => undefined);
  parts.defer(() => direct.disconnect());
  return { redis, proxy, wire, log, direct, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

test("a lost reply has the same command sent again, once for each loss and not more", async () => {
  await using at = await aWay();
  await at.wire.run(note, ["list"], ["a"]);
  at.proxy.next("lose-reply", "lose-reply");
  expect(await at.wire.run(note, ["list"], ["b"])).toBe("b");
  expect(await at.direct.lrange("list", 0, -1)).toEqual(["a", "b", "b", "b"]);
  at.proxy.next("lose-request");
  expect(await at.wire.run(note, ["list"], ["c"])).toBe("c");
  expect(await at.direct.lrange("list", 4, -1)).toEqual(["c"]);
});

test("what somebody has given up on is not sent later behind his back", async () => {
  await using at = await aWay({ limits: { tryMs: 100, callMs: 200 } });
  await at.redis.stop();
  await expect(at.wire.run(note, ["list"], ["late"])).rejects.toMatchObject({ code: "store_unavailable" });
  await at.redis.restart();
  await eventually(() => at.wire.send(["PING"]).then(Boolean, () => undefined));
  expect(await at.wire.send(["EXISTS", "list"])).toBe(0);
});

test("a connection that swallows everything ends the call within its deadline, and is replaced", async () => {
  await using at = await aWay({ limits: { tryMs: 150, callMs: 400, downMs: 200 } });
  await at.wire.send(["PING"]);
  at.proxy.freeze();
  const start = performance.now();
  const calls = [at.wire.send(["SET", "k", prompt]), at.wire.send(["GET", "k"]), at.wire.run(note, ["l"], [prompt])];
  for (const call of await Promise.allSettled(calls)) {
    expect(call).toMatchObject({ status: "rejected", reason: { code: "store_unavailable" } });
    expect(everyWord(call.status === "rejected" && call.reason)).not.toContain(prompt);
  }
  expect(performance.now() - start).toBeLessThan(4_000);
  at.proxy.thaw();
  await eventually(() => at.wire.send(["PING"]).then(Boolean, () => undefined));
});

test("a subscriber whose connection went deaf notices, and listens again", async () => {
  await using at = await aWay({ silenceMs: 200, limits: { tryMs: 200 } });
  using ear = listenWith(at.wire, { channels: ["wake"] });
  await ear.up();
  at.proxy.freeze();
  await eventually(() => ear.log().includes("down"), { deadlineMs: 5_000 });
  at.proxy.thaw();
  await ear.up();
  await at.direct.publish("wake", "1");
  await eventually(() => ear.heard().includes("wake 1"));
});

test("a server that takes connections and greets nobody is left, and found when it does", async () => {
  await using redis = await startRedis({ config: ["requirepass right-password"] });
  await using proxy = await startFaultProxy(redis.url);
  await using wire = wireTo(proxy.url, {
    token: new Secret("right-password"),
    limits: { tryMs: 200, callMs: 500, downMs: 300 },
  });
  proxy.freeze();
  using ear = listenWith(wire, { channels: ["wake"] });
  await expect(wire.send(["PING"])).rejects.toMatchObject({ code: "store_unavailable" });
  // Each that is left is followed by another, for calls and for what is listened to.
  await eventually(() => proxy.taken() >= 5);
  proxy.thaw();
  await ear.up();
  await eventually(() => wire.send(["PING"]).then(Boolean, () => undefined));
});

test("a quiet subscriber stays where it is, and asks only after a silence", async () => {
  await using at = await aWay({ silenceMs: 150 });
  using ear = listenWith(at.wire, { channels: ["wake"] });
  await ear.up();
  const pings = async () =>
    Number(/cmdstat_ping:calls=(\d+)/.exec((await at.direct.info("commandstats")) ?? "")?.[1] ?? 0);
  await eventually(async () => (await pings()) >= 3);
  expect(ear.log()).toEqual(["up"]);
});

test("connections that are reset at any moment lose no call", async () => {
  await using at = await aWay();
  using ear = listenWith(at.wire, { patterns: ["*"] });
  await ear.up();
  const calls = Array.from({ length: 50 }, (_, n) => at.wire.send(["SADD", "all", n]));
  at.proxy.reset();
  await Promise.all(calls);
  expect(await at.direct.scard("all")).toBe(50);
  await eventually(() => ear.log().join() === "up,down,up");
});

test("a wrong password is told at once, and never shown", async () => {
  await using redis = await startRedis({ config: ["requirepass right-password"] });
  const url = redis.url.replace("//", "//:wrong-password@");
  await using wrong = wireTo(url);
  await using none = wireTo(redis.url);
  await using right = wireTo(redis.url, { token: new Secret("right-password") });
  await using inside = wireTo(redis.url.replace("//", "//default:right-password@"));
  const start = performance.now();
  for (const wire of [wrong, none]) {
    const error = await wire.send(["PING"]).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "store_unavailable", remedy: expect.stringContaining("REDIS_TOKEN") });
    expect(everyWord(error)).not.toContain("wrong-password");
  }
  expect(performance.now() - start).toBeLessThan(2_000);
  for (const wire of [right, inside]) expect(await wire.send(["PING"])).toBe("PONG");
});

test("the database in the address is used", async () => {
  await using redis = await startRedis();
  await using wire = wireTo(`${redis.url}/3`);
  await wire.send(["SET", "k", "v"]);
  expect(await wire.send(["INFO", "keyspace"])).toContain("db3:keys=1");
});

test("an address that is none is refused when the wire is opened", () => {
  for (const url of ["http://host:1", "redis://", "host:6379", "redis:///path"])
    expect(() => wireTo(url), url).toThrow("REDIS_URL is no address of a Redis");
});

test("the place in an error is the host and the port, not the password", async () => {
  const port = await freePort();
  await using wire = wireTo(`redis://:some-password@127.0.0.1:${port}`, { limits: { callMs: 500 } });
  const error = await wire.send(["PING"]).catch((thrown) => thrown);
  expect(error.message).toBe(
    `Redis at 127.0.0.1:${port} gave no answer to PING within 0.5 s: connect ECONNREFUSED 127.0.0.1:${port}.`,
  );
});

test("an outage is logged once, and so is its end", async () => {
  await using at = await aWay({ limits: { tryMs: 100, callMs: 150, downMs: 50, probeMs: 60_000 } });
  await at.redis.stop();
  for (let n = 0; n < 3; n++) await expect(at.wire.send(["PING"])).rejects.toThrow("no answer to PING");
  await at.redis.restart();
  await eventually(() => at.wire.send(["PING"]).then(Boolean, () => undefined));
  expect(at.log.lines.map((line) => JSON.parse(line).message)).toEqual([
    expect.stringMatching(/is away$/),
    expect.stringMatching(/answers again$/),
  ]);
});

/** A process that opens a wire, uses it, closes it, and has nothing else to do: its arguments are an address and a deadline. */
const shortLife = `
import { systemClock } from "./shared/clock.node.ts";
import { openTcpWire } from "./shared/store/redis/tcp-wire.node.ts";
const limits = { callMs: Number(process.argv[2]) };
const wire = openTcpWire({ url: process.argv[1], clock: systemClock, random: Math.random, limits });
const up = new Promise((up) => {
  wire.listen({ channels: ["c"], onMessage() {}, onUp: up, onDown() {} }, new AbortController().signal);
});
await wire.send(["PING"]).then((answer) => up.then(() => console.log(answer)), (error) => console.log(error.message));
await wire[Symbol.asyncDispose]();
`;
const run = (url: string, { callMs = 20_000, env = {} }: { callMs?: number; env?: Record<string, string> } = {}) =>
  new Promise<{ code: number | null; said: string }>((done) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", shortLife, url, `${callMs}`], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 30_000,
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
    child.on("close", (code) => done({ code, said }));
  });

test("a closed wire leaves nothing that keeps its process alive, connected or not", async () => {
  await using redis = await startRedis();
  const nobody = `redis://127.0.0.1:${await freePort()}`;
  const [connected, alone] = await Promise.all([run(redis.url), run(nobody, { callMs: 500 })]);
  expect(connected).toEqual({ code: 0, said: "PONG\n" });
  expect(alone).toEqual({ code: 0, said: expect.stringContaining("ECONNREFUSED") });
});

test("over TLS a certificate is checked: an unknown one is refused with its reason, a trusted one is taken", async () => {
  await using redis = await startRedis({ config: ["tls-auth-clients no"] });
  const [key, cert] = [join(redis.dir, "key.pem"), join(redis.dir, "cert.pem")];
  const subject = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
  const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ${subject} -keyout ${key} -out ${cert}`;
  execFileSync("openssl", made.split(" "), { stdio: "pipe" });
  const direct = new Redis(redis.url);
  const files = ["tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", cert];
  // Somebody else may take the port in between.
  const port = await eventually(async () => {
    const free = await freePort();
    return direct.call("CONFIG", "SET", ...files, "tls-port", free).then(
      () => free,
      () => undefined,
    );
  });
  direct.disconnect();
  const url = `rediss://localhost:${port}`;
  const [refused, trusted] = await Promise.all([run(url), run(url, { env: { NODE_EXTRA_CA_CERTS: cert } })]);
  expect(refused.said).toMatch(/certificate of Redis at localhost:\d+ is not trusted: self-signed certificate/);
  expect(trusted).toEqual({ code: 0, said: "PONG\n" });
});
