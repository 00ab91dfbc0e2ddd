import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aBridgedRedis, type BridgedRedis } from "../../support/a-bridged-redis.ts";

/** A family of commands through Upstash's own client: what is called, and what comes back. Each uses keys of its own. */
type Rows = Readonly<Record<string, readonly [call: (redis: Redis) => unknown, answer: unknown]>>;
const families: Readonly<Record<string, Rows>> = {
  strings: {
    set: [(r) => r.set("s:a", "one"), "OK"],
    "set nx of one that is there": [(r) => r.set("s:a", "two", { nx: true }), null],
    "set with get": [(r) => r.set("s:a", "two", { get: true }), "one"],
    "get of none": [(r) => r.get("s:none"), null],
    getset: [(r) => r.getset("s:a", "three"), "two"],
    append: [(r) => r.append("s:a", "!"), 6],
    strlen: [(r) => r.strlen("s:a"), 6],
    getrange: [(r) => r.getrange("s:a", 0, 3), "thre"],
    setrange: [(r) => r.setrange("s:a", 0, "T"), 6],
    mset: [(r) => r.mset({ "s:b": 1, "s:c": { d: [true, null] } }), "OK"],
    "mget of some and none": [(r) => r.mget("s:b", "s:c", "s:none"), [1, { d: [true, null] }, null]],
    incr: [(r) => r.incr("s:n"), 1],
    incrby: [(r) => r.incrby("s:n", 41), 42],
    decrby: [(r) => r.decrby("s:n", 2), 40],
    incrbyfloat: [(r) => r.incrbyfloat("s:n", 0.5), 40.5],
    getdel: [(r) => r.getdel("s:n"), 40.5],
    setex: [(r) => r.setex("s:e", 100, "x"), "OK"],
    "a boolean": [async (r) => [await r.set("s:t", true), await r.get("s:t")], ["OK", true]],
    "a value that is the word OK": [async (r) => [await r.set("s:ok", "OK"), await r.get("s:ok")], ["OK", "OK"]],
    "empty text": [async (r) => [await r.set("s:empty", ""), await r.get("s:empty")], ["OK", ""]],
  },
  hashes: {
    hset: [(r) => r.hset("h:a", { one: 1, two: "zwei", ok: "OK" }), 3],
    hget: [(r) => r.hget("h:a", "two"), "zwei"],
    "hget of none": [(r) => r.hget("h:a", "none"), null],
    hgetall: [(r) => r.hgetall("h:a"), { one: 1, two: "zwei", ok: "OK" }],
    "hgetall of none": [(r) => r.hgetall("h:none"), null],
    hmget: [(r) => r.hmget("h:a", "one", "none"), { one: 1, none: null }],
    hincrby: [(r) => r.hincrby("h:a", "one", 4), 5],
    hexists: [(r) => r.hexists("h:a", "one"), 1],
    hkeys: [(r) => r.hkeys("h:a"), ["one", "two", "ok"]],
    hvals: [(r) => r.hvals("h:a"), [5, "zwei", "OK"]],
    hlen: [(r) => r.hlen("h:a"), 3],
    hdel: [(r) => r.hdel("h:a", "one", "none"), 1],
    hsetnx: [(r) => r.hsetnx("h:a", "two", "deux"), 0],
    hscan: [(r) => r.hscan("h:a", 0), ["0", ["two", "zwei", "ok", "OK"]]],
    hrandfield: [(r) => r.hrandfield("h:a", 5, true), { two: "zwei", ok: "OK" }],
  },
  lists: {
    rpush: [(r) => r.rpush("l:a", "a", "b", "c", '{"d":1}'), 4],
    lpush: [(r) => r.lpush("l:a", "z"), 5],
    lrange: [(r) => r.lrange("l:a", 0, -1), ["z", "a", "b", "c", { d: 1 }]],
    lindex: [(r) => r.lindex("l:a", 1), "a"],
    linsert: [(r) => r.linsert("l:a", "before", "b", "ab"), 6],
    lset: [(r) => r.lset("l:a", 0, "y"), "OK"],
    lrem: [(r) => r.lrem("l:a", 1, "ab"), 1],
    lpos: [(r) => r.lpos("l:a", "c"), 3],
    lmove: [(r) => r.lmove("l:a", "l:b", "left", "right"), "y"],
    "lpop of several": [(r) => r.lpop("l:a", 2), ["a", "b"]],
    rpop: [(r) => r.rpop("l:a"), { d: 1 }],
    "rpop of none": [(r) => r.rpop("l:none"), null],
    ltrim: [(r) => r.ltrim("l:a", 0, 0), "OK"],
    llen: [(r) => r.llen("l:a"), 1],
    "lrange of none": [(r) => r.lrange("l:none", 0, -1), []],
  },
  sets: {
    sadd: [(r) => r.sadd("t:a", "a", "b", "c"), 3],
    "sadd another": [(r) => r.sadd("t:b", "b", "x"), 2],
    scard: [(r) => r.scard("t:a"), 3],
    sismember: [(r) => r.sismember("t:a", "a"), 1],
    smismember: [(r) => r.smismember("t:a", ["a", "x"]), [1, 0]],
    sinter: [(r) => r.sinter("t:a", "t:b"), ["b"]],
    sdiff: [async (r) => (await r.sdiff("t:a", "t:b")).sort(), ["a", "c"]],
    sunionstore: [(r) => r.sunionstore("t:c", "t:a", "t:b"), 4],
    smove: [(r) => r.smove("t:b", "t:a", "x"), 1],
    srem: [(r) => r.srem("t:a", "x", "none"), 1],
    smembers: [async (r) => (await r.smembers("t:a")).sort(), ["a", "b", "c"]],
    sscan: [async (r) => (await r.sscan("t:b", 0))[1], ["b"]],
    "spop of none": [(r) => r.spop("t:none"), null],
  },
  "sorted sets": {
    zadd: [
      (r) => r.zadd("z:a", { score: 1, member: "one" }, { score: 2.5, member: "two" }, { score: 3, member: "three" }),
      3,
    ],
    "zadd nx": [(r) => r.zadd("z:a", { nx: true }, { score: 9, member: "one" }), 0],
    zscore: [(r) => r.zscore("z:a", "two"), 2.5],
    "zscore of none": [(r) => r.zscore("z:a", "none"), null],
    zmscore: [(r) => r.zmscore("z:a", ["one", "none"]), [1, null]],
    zrange: [(r) => r.zrange("z:a", 0, -1), ["one", "two", "three"]],
    "zrange by score with scores": [
      (r) => r.zrange("z:a", 2, "+inf", { byScore: true, withScores: true }),
      ["two", 2.5, "three", 3],
    ],
    "zrange rev": [(r) => r.zrange("z:a", 0, 0, { rev: true }), ["three"]],
    zrank: [(r) => r.zrank("z:a", "two"), 1],
    zincrby: [(r) => r.zincrby("z:a", 10, "one"), 11],
    zcount: [(r) => r.zcount("z:a", "-inf", 5), 2],
    zcard: [(r) => r.zcard("z:a"), 3],
    zpopmin: [(r) => r.zpopmin("z:a"), ["two", 2.5]],
    zremrangebyscore: [(r) => r.zremrangebyscore("z:a", 11, 11), 1],
    zrem: [(r) => r.zrem("z:a", "three"), 1],
    zunionstore: [(r) => r.zunionstore("z:u", 1, ["z:a"]), 0],
  },
  streams: {
    xadd: [(r) => r.xadd("x:a", "1-0", { type: "job.queued", n: 1 }), "1-0"],
    "xadd with a cap": [
      (r) => r.xadd("x:a", "2-0", { b: "b" }, { trim: { type: "MAXLEN", threshold: 5, comparison: "=" } }),
      "2-0",
    ],
    xlen: [(r) => r.xlen("x:a"), 2],
    xrange: [(r) => r.xrange("x:a", "-", "+"), { "1-0": { type: "job.queued", n: 1 }, "2-0": { b: "b" } }],
    xrevrange: [(r) => r.xrevrange("x:a", "+", "-", 1), { "2-0": { b: "b" } }],
    xread: [(r) => r.xread("x:a", "1-0"), [["x:a", [["2-0", ["b", "b"]]]]]],
    "xread of nothing new": [(r) => r.xread("x:a", "9-0"), null],
    "xgroup create": [(r) => r.xgroup("x:a", { type: "CREATE", group: "g", id: "0" }), "OK"],
    xreadgroup: [
      (r) => r.xreadgroup("g", "me", "x:a", ">", { count: 1 }),
      [["x:a", [["1-0", ["type", "job.queued", "n", 1]]]]],
    ],
    xack: [(r) => r.xack("x:a", "g", "1-0"), 1],
    xdel: [(r) => r.xdel("x:a", "1-0"), 1],
    xtrim: [(r) => r.xtrim("x:a", { strategy: "MAXLEN", threshold: 0, exactness: "=" }), 1],
  },
  bits: {
    setbit: [(r) => r.setbit("b:a", 7, 1), 0],
    getbit: [(r) => r.getbit("b:a", 7), 1],
    bitcount: [(r) => r.bitcount("b:a", 0, -1), 1],
    bitpos: [(r) => r.bitpos("b:a", 1), 7],
    bitop: [(r) => r.bitop("not", "b:b", "b:a"), 1],
    bitfield: [(r) => r.bitfield("b:f").incrby("u8", 0, 200).overflow("SAT").incrby("u8", 0, 100).exec(), [200, 255]],
  },
  keys: {
    set: [(r) => r.mset({ "k:a": "1", "k:b": "2" }), "OK"],
    expire: [(r) => r.expire("k:a", 100), 1],
    ttl: [(r) => r.ttl("k:a"), 100],
    "ttl of one without": [(r) => r.ttl("k:b"), -1],
    "ttl of none": [(r) => r.ttl("k:none"), -2],
    "pexpireat in the past": [(r) => r.pexpireat("k:b", 1), 1],
    exists: [(r) => r.exists("k:a", "k:b"), 1],
    persist: [(r) => r.persist("k:a"), 1],
    type: [(r) => r.type("k:a"), "string"],
    "type of none": [(r) => r.type("k:none"), "none"],
    rename: [(r) => r.rename("k:a", "k:c"), "OK"],
    copy: [(r) => r.copy("k:c", "k:d"), "COPIED"],
    keys: [async (r) => (await r.keys("k:*")).sort(), ["k:c", "k:d"]],
    scan: [(r) => allKeys(r, "k:*"), ["k:c", "k:d"]],
    unlink: [(r) => r.unlink("k:c"), 1],
    del: [(r) => r.del("k:d", "k:none"), 1],
    touch: [(r) => r.touch("k:d"), 0],
    echo: [(r) => r.echo("hello"), "hello"],
    ping: [(r) => r.ping(), "PONG"],
    time: [async (r) => (await r.time()).map((part) => typeof part), ["number", "number"]],
  },
  scripts: {
    eval: [(r) => r.eval("return {KEYS[1], ARGV[1], #ARGV}", ["e:a"], ["x", "y"]), ["e:a", "x", 2]],
    "nil, false, true and a table in a table": [
      (r) => r.eval("return {false, true, {1, {'OK', 'x'}}}", [], []),
      [null, 1, [1, ["OK", "x"]]],
    ],
    "a status": [(r) => r.eval("return redis.status_reply('FINE')", [], []), "FINE"],
    "evalsha of what was loaded": [async (r) => r.evalsha(await r.scriptLoad("return ARGV[1]"), [], ["back"]), "back"],
    "script exists": [async (r) => r.scriptExists(await r.scriptLoad("return 1"), "0".repeat(40)), [1, 0]],
    "a script of the client, unknown at first": [(r) => r.createScript<string>("return 'first'").exec([], []), "first"],
    "a read-only one": [(r) => r.evalRo("return redis.call('EXISTS', KEYS[1])", ["e:a"], []), 0],
    "script flush": [(r) => r.scriptFlush(), "OK"],
  },
};

async function allKeys(redis: Redis, match: string): Promise<string[]> {
  const found: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match, count: 2 });
    found.push(...keys);
    cursor = next;
  } while (cursor !== "0");
  return [...new Set(found)].sort();
}

describe("Upstash's client through the bridge", () => {
  let world: BridgedRedis;
  beforeAll(async () => {
    world = await aBridgedRedis();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  for (const [family, rows] of Object.entries(families))
    test(family, async () => {
      // One after the other: each stands on what the one before has left.
      for (const [name, [call, answer]] of Object.entries(rows))
        expect([name, await call(world.as(world.bridge.token, { enableAutoPipelining: false }))]).toEqual([
          name,
          answer,
        ]);
    });

  test("calls of one moment are sent as a pipeline and each gets its own answer", async () => {
    const { client } = world;
    const answers = await Promise.allSettled([client.set("p:a", "text"), client.get("p:none"), client.incr("p:n")]);
    expect(answers.map((answer) => answer.status === "fulfilled" && answer.value)).toEqual(["OK", null, 1]);
  });

  test("a pipeline runs in order, and an error in it is one command's", async () => {
    const pipeline = world.client.pipeline().set("p:b", "x").incr("p:b").get("p:b").exec({ keepErrors: true });
    expect(await pipeline).toMatchObject([
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { result: "x" },
    ]);
    await expect(world.client.pipeline().incr("p:b").exec()).rejects.toThrow(/Command 1 \[ incr \] failed: ERR value/);
  });

  test("a transaction gives each result, and one that fails in it leaves the others", async () => {
    const { client } = world;
    expect(await client.multi().set("m:a", "OK").lpush("m:l", "OK", "b").lrange("m:l", 0, -1).exec()).toEqual([
      "OK",
      2,
      ["b", "OK"],
    ]);
    const failing = client.multi().set("m:b", "1").lpush("m:b", "x").incr("m:b").exec({ keepErrors: true });
    expect(await failing).toMatchObject([
      { result: "OK" },
      { error: expect.stringContaining("WRONGTYPE") },
      { result: 2 },
    ]);
  });

  test("errors of Redis are told as they are", async () => {
    const { client } = world;
    await client.set("err", "text");
    await expect(client.incr("err")).rejects.toThrow("ERR value is not an integer or out of range");
    await expect(client.evalsha("0".repeat(40), [], [])).rejects.toThrow("NOSCRIPT");
    await expect(client.eval("return redis.error_reply('LOST it')", [], [])).rejects.toThrow("LOST it");
    await expect(client.exec(["NONSENSE"])).rejects.toThrow("ERR unknown command");
  });

  test("what is stored comes back to the letter", async () => {
    const texts = [
      ...["123", "null", "1e3", '"q"', "true", " ", "a\r\nb\0c", "grüße 🌍 日本語", "\u2028\u{10ffff}"],
      ...["T0s=", "OK", '{"a":1}', "x".repeat(3_000_000)],
    ];
    for (const [at, text] of texts.entries()) {
      await world.client.set(`raw:${at}`, text);
      expect((await world.ask("/", { body: ["GET", `raw:${at}`] })).json).toEqual({ result: text });
      const encoded = await world.ask("/", { body: ["GET", `raw:${at}`], headers: { "upstash-encoding": "base64" } });
      const { result } = encoded.json as { result: string };
      expect(result === "OK" ? "OK" : Buffer.from(result, "base64").toString()).toBe(text);
    }
  });
});
