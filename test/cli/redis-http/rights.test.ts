import { Redis as TcpRedis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisHttpTokens } from "../../../shared/redis-http-token.ts";
import { startBridge } from "../../support/a-bridge.ts";
import { aBridgedRedis, type BridgedRedis } from "../../support/a-bridged-redis.ts";

const secrets = { reader: "secret-of-the-reader", some: "secret-of-some-reader", scoped: "secret-of-the-scoped" };
const tokens = [
  `reader:read:${secrets.reader}`,
  `some:read=jobs::${secrets.some}`,
  `scoped:scope=jobs::${secrets.scoped}`,
];
const refused = { status: 400, json: { error: expect.stringMatching(/NOPERM|ACL/) } };

describe("tokens", () => {
  let world: BridgedRedis;
  beforeAll(async () => {
    world = await aBridgedRedis({ tokens });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const as = (who: keyof typeof secrets, ...body: readonly unknown[]) => world.ask("/", { body, token: secrets[who] });

  test("a reader reads, and every write is refused", async () => {
    await world.client.set("r:a", "1");
    expect(await as("reader", "GET", "r:a")).toMatchObject({ status: 200, json: { result: "1" } });
    for (const line of [
      ...["SET r:a 2", "DEL r:a", "INCR r:a", "GETDEL r:a", "EXPIRE r:a 1", "FLUSHALL", "PUBLISH a b", "SCRIPT FLUSH"],
      ...["EVAL return(redis.call('SET','r:a','2')) 0", "KEYS *", "SCAN 0", "INFO", "CONFIG GET dir", "ACL WHOAMI"],
      ...["SORT r:a STORE r:b", "FUNCTION FLUSH", "RENAME r:a r:b", "XADD s * a b"],
    ])
      expect([line, await as("reader", ...line.split(" "))]).toMatchObject([line, refused]);
    const transaction = {
      body: [
        ["GET", "r:a"],
        ["SET", "r:a", "2"],
      ],
      token: secrets.reader,
    };
    expect(await world.ask("/multi-exec", transaction)).toMatchObject(refused);
    const script = ["EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "r:a"];
    expect(await as("reader", ...script)).toMatchObject({ json: { result: "1" } });
    expect(await as("reader", "EVAL_RO", "return redis.call('SET', KEYS[1], '2')", "1", "r:a")).toMatchObject({
      status: 400,
    });
    expect(await world.client.get("r:a")).toBe(1);
  });

  test("a reader of a prefix sees no other keys", async () => {
    await world.client.mset({ "jobs:r": "1", "other:r": "2" });
    expect(await as("some", "GET", "jobs:r")).toMatchObject({ json: { result: "1" } });
    expect(await as("some", "GET", "other:r")).toMatchObject(refused);
    expect(await as("some", "MGET", "jobs:r", "other:r")).toMatchObject(refused);
    expect(await as("some", "SET", "jobs:r", "2")).toMatchObject(refused);
  });

  test("a scoped token has its keys and channels, and nothing else", async () => {
    await world.client.set("other:s", "1");
    for (const line of ["SET jobs:a 1", "HSET jobs:h a b", "ZADD jobs:z 1 a", "XADD jobs:x * a b", "EXPIRE jobs:a 9"])
      expect([line, await as("scoped", ...line.split(" "))]).toMatchObject([line, { status: 200 }]);
    for (const line of [
      "PUBLISH jobs:wake x",
      "TYPE jobs:a",
      "PING",
      "TIME",
      "SCRIPT EXISTS a",
      "MEMORY USAGE jobs:a",
      "DEL jobs:a",
    ])
      expect([line, await as("scoped", ...line.split(" "))]).toMatchObject([line, { status: 200 }]);
    for (const line of [
      ...["GET other:s", "SET other:s 2", "DEL jobs:a other:s", "RENAME jobs:a other:s", "COPY other:s jobs:a"],
      ...["ZUNIONSTORE jobs:z 1 other:s", "SORT jobs:z BY other:*", "XREAD STREAMS other:s 0", "MEMORY USAGE other:s"],
      ...["PUBLISH other x", "KEYS jobs:*", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHDB", "FLUSHALL", "INFO"],
      ...["PUBSUB CHANNELS", "SCRIPT FLUSH", "FUNCTION LIST", "FUNCTION FLUSH", "CONFIG GET dir", "SWAPDB 0 1"],
      ...["MOVE jobs:a 1", "OBJECT ENCODING other:s", "MEMORY STATS", "MEMORY PURGE"],
    ])
      expect([line, (await as("scoped", ...line.split(" "))).status]).toEqual([line, 400]);
    expect(await world.client.get("other:s")).toBe(1);
  });

  test("a scoped token's script reaches no other key, whichever way it names it", async () => {
    await world.client.set("other:e", "1");
    const scripts = [
      ["return redis.call('SET', KEYS[1], '2')", "1", "other:e"],
      ["return redis.call('SET', 'other:e', '2')", "1", "jobs:a"],
      ["return redis.call('SET', ARGV[1] .. ':e', '2')", "1", "jobs:a", "other"],
      ["return redis.pcall('SET', 'other:e', '2')", "0"],
      ["return redis.call('PUBLISH', 'other', '2')", "0"],
      ["return redis.call('FLUSHALL')", "0"],
      ["redis.call('SELECT', '1') return redis.call('SET', 'jobs:a', '2')", "0"],
    ];
    for (const script of scripts)
      expect([script, (await as("scoped", "EVAL", ...script)).status]).toEqual([script, 400]);
    expect(await world.client.get("other:e")).toBe(1);
    const own = ["return redis.call('HSET', ARGV[1] .. 'job:1', 'a', 'b')", "1", "jobs:meta", "jobs:"];
    expect(await as("scoped", "EVAL", ...own)).toMatchObject({ json: { result: 1 } });
    const own2 = {
      body: [
        ["INCR", "jobs:n"],
        ["INCR", "jobs:n"],
      ],
      token: secrets.scoped,
    };
    expect((await world.ask("/multi-exec", own2)).json).toEqual([{ result: 1 }, { result: 2 }]);
    const others = {
      body: [
        ["INCR", "jobs:n"],
        ["INCR", "other:n"],
      ],
      token: secrets.scoped,
    };
    expect(await world.ask("/multi-exec", others)).toMatchObject(refused);
    expect(await world.client.get("jobs:n")).toBe(2);
  });

  test("a scoped token listens to its channels only", async () => {
    for (const path of ["/subscribe/other", "/psubscribe/*", "/psubscribe/jo*", "/psubscribe/[j]obs:*"])
      expect([path, await world.ask(path, { token: secrets.scoped })]).toMatchObject([path, refused]);
    const subscriber = world.as(secrets.scoped).psubscribe<string>(["jobs:*:changed"]);
    await new Promise((resolve) => subscriber.on("psubscribe", resolve));
    const message = new Promise((resolve) => subscriber.on("pmessage", resolve));
    await world.client.publish("jobs:1:changed", { n: 1 });
    expect(await message).toEqual({ pattern: "jobs:*:changed", channel: "jobs:1:changed", message: { n: 1 } });
    await subscriber.unsubscribe();
  });

  test("rights outlive a restart of Redis and the deletion of its users", async () => {
    await world.server.kill9();
    await world.server.restart();
    await expect
      .poll(async () => (await as("scoped", "SET", "jobs:b", "1")).json, { timeout: 10_000 })
      .toEqual({ result: "OK" });
    expect(await as("scoped", "SET", "other:b", "1")).toMatchObject(refused);
    expect(await as("reader", "SET", "jobs:b", "2")).toMatchObject(refused);
    const admin = new TcpRedis(world.server.url, { lazyConnect: true });
    const users = (await admin.acl("USERS")) as string[];
    expect(await admin.acl("DELUSER", ...users.filter((user) => user !== "default"))).toBeGreaterThan(0);
    admin.disconnect();
    await expect
      .poll(async () => (await as("scoped", "SET", "jobs:b", "1")).json, { timeout: 10_000 })
      .toEqual({ result: "OK" });
    expect(await as("scoped", "SET", "other:b", "1")).toMatchObject(refused);
  });

  test("two bridges of one configuration serve one Redis", async () => {
    await using second = await startBridge(world.server.url, { tokens });
    const there = await fetch(second.url, {
      method: "POST",
      body: '["SET","jobs:two","1"]',
      headers: { authorization: `Bearer ${secrets.scoped}` },
    });
    expect(there.status).toBe(200);
    expect(await as("scoped", "GET", "jobs:two")).toMatchObject({ json: { result: "1" } });
  });
});

test("a token of an ACL user of Redis has that user's rights, transactions too", async () => {
  const secret = "secret-of-the-operator-user";
  await using world = await aBridgedRedis({ tokens: [`ops:acl:${secret}`, "gone:acl:secret-of-no-such-user"] });
  await world.client.exec(["PING"]);
  const admin = new TcpRedis(world.server.url);
  await admin.acl("SETUSER", "ops", "on", `>${secret}`, "~mine:*", "+set", "+get");
  admin.disconnect();
  const as = (path: string, body: unknown) => world.ask(path, { body, token: secret });
  expect(await as("/", ["SET", "mine:a", "1"])).toMatchObject({ status: 200 });
  expect(await as("/", ["SET", "other", "1"])).toMatchObject(refused);
  expect(await as("/", ["DEL", "mine:a"])).toMatchObject(refused);
  // Without the right to transactions nothing is run one by one instead.
  expect(await as("/multi-exec", [["SET", "mine:a", "2"]])).toMatchObject({ status: 503 });
  expect(await world.client.get("mine:a")).toBe(1);
  const nobody = await world.ask("/", { body: ["SET", "a", "1"], token: "secret-of-no-such-user" });
  expect(nobody).toMatchObject({ status: 503, json: { error: expect.stringContaining("WRONGPASS") } });
  expect(await world.client.exists("a")).toBe(0);
});

test("without the right to make users the bridge serves no token that would need one", async () => {
  await using world = await aBridgedRedis();
  const admin = new TcpRedis(world.server.url);
  await admin.acl("SETUSER", "bridge", "on", ">password-of-the-bridge", "~*", "&*", "+@all", "-acl");
  const url = world.server.url.replace("redis://", "redis://bridge:password-of-the-bridge@");
  await using bridge = await startBridge(url, { tokens });
  const ask = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(bridge.url, { method: "POST", body: '["SET","jobs:a","1"]', headers });
    return [answer.status, await answer.json()];
  };
  expect(await ask(secrets.scoped)).toEqual([503, { error: expect.stringMatching(/NOPERM/) }]);
  expect(await admin.exists("jobs:a")).toBe(0);
  expect(await ask(bridge.token)).toEqual([200, { result: "OK" }]);
  admin.disconnect();
});

test.each([
  ["name:full:short", "must be name:rights:secret"],
  ["full:secret-long-enough", "must be name:rights:secret"],
  ["a:admin:secret-long-enough", "must be name:rights:secret"],
  ["a:scope=:secret-long-enough", "must be name:rights:secret"],
  ["a:scope=jobs*:secret-long-enough", "must be name:rights:secret"],
  ["a:scope:secret-long-enough", "must be name:rights:secret"],
  ["a:full:secret-one-long-enough,a:full:secret-two-long-enough", "must have each name once"],
  ["a:full:secret-long-enough,b:read:secret-long-enough", "must have each secret once"],
])("the token list %s is refused", (text, reason) => {
  const parsed = redisHttpTokens.safeParse(text);
  expect(parsed.error?.issues[0]?.message).toContain(reason);
  expect(JSON.stringify(parsed.error?.issues)).not.toContain("secret-");
});

test("a token is shown without its secret", () => {
  const [token] = redisHttpTokens.parse("runner:scope=agenticore::secret-of-the-runner");
  expect([`${token}`, JSON.stringify(token)]).toEqual(["runner:scope=agenticore::[secret]", '"[secret]"']);
  expect(token?.rights).toEqual({ kind: "scope", prefix: "agenticore:" });
});
