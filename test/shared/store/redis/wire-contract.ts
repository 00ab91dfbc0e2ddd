import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { AppError } from "../../../../shared/error.ts";
import type { WireLimits } from "../../../../shared/store/redis/patience.ts";
import { type RedisWire, type Script, WireError } from "../../../../shared/store/redis/wire.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { eventually } from "../../../support/eventually.ts";
import { everyWord } from "../../../support/every-word.ts";
import { listenWith } from "../../../support/listen-with.ts";

/** How to lay a wire to that Redis; what stands between is disposed with the wire. */
export type LayWire = (redis: ARedis, limits?: Partial<WireLimits>) => Promise<RedisWire>;

const count: Script = { name: "count", source: "return redis.call('INCR', KEYS[1])" };

/** What holds for each wire, over whatever it goes. */
export function wireContract(name: string, lay: LayWire): void {
  const world = async (limits?: Partial<WireLimits>, config: readonly string[] = []) => {
    const stack = new AsyncDisposableStack();
    const redis = stack.use(await startRedis({ config }));
    const wire = stack.use(await lay(redis, limits));
    const other = new Redis(redis.url);
    other.on("error", () => undefined);
    stack.defer(() => other.disconnect());
    return { redis, wire, other, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  };

  describe(name, () => {
    test("gives strings back as they were written, whatever they look like", async () => {
      await using at = await world();
      const texts = [
        "123",
        "null",
        "1e3",
        '"q"',
        "true",
        "",
        "OK",
        "T0s=",
        "[1]",
        '{"a":1}',
        " ",
        "a\r\nb\0c",
        "Grüße 🚀 名前",
      ];
      for (const [n, text] of texts.entries()) expect(await at.wire.send(["SET", `t${n}`, text])).toBe("OK");
      const keys = texts.map((_, n) => `t${n}`);
      for (const [n, key] of keys.entries()) expect(await at.wire.send(["GET", key])).toBe(texts[n]);
      expect(await at.wire.send(["MGET", ...keys, "none"])).toEqual([...texts, null]);
      expect(
        await at.wire.run({ name: "echo", source: "return {ARGV[1], {ARGV[2], 7, false}}" }, [], ["007", "null"]),
      ).toEqual(["007", ["null", 7, null]]);
    });

    test("gives replies in the shape that Redis gave them", async () => {
      await using at = await world();
      expect(await at.wire.send(["hset", "h", "a", "1", "b", 2])).toBe(2);
      expect(await at.wire.send(["hgetall", "h"])).toEqual(["a", "1", "b", "2"]);
      expect(await at.wire.send(["HGETALL", "none"])).toEqual([]);
      expect(await at.wire.send(["GET", "none"])).toBeNull();
      await at.wire.send(["XADD", "s", "1-0", "f", "v"]);
      expect(await at.wire.send(["XRANGE", "s", "-", "+"])).toEqual([["1-0", ["f", "v"]]]);
    });

    test("carries a value of some megabytes", async () => {
      await using at = await world();
      const long = "äb\n".repeat(1_000_000);
      await at.wire.send(["SET", "long", long]);
      expect((await at.wire.send(["GET", "long"])) === long).toBe(true);
    });

    test("runs a script that Redis does not know, also after it was forgotten", async () => {
      await using at = await world();
      expect(await at.wire.run(count, ["n"], [])).toBe(1);
      expect(await at.wire.run(count, ["n"], [])).toBe(2);
      await at.other.script("FLUSH");
      expect(await at.wire.run(count, ["n"], [])).toBe(3);
      await at.other.config("RESETSTAT");
      await at.wire.run(count, ["n"], []);
      const stats = (await at.other.info("commandstats")) ?? "";
      expect(stats).toMatch(/cmdstat_evalsha:calls=1,/);
      expect(stats).not.toMatch(/cmdstat_eval:/);
    });

    test("tells an error of Redis or a script in its own words, without any argument", async () => {
      await using at = await world();
      await at.wire.send(["LPUSH", "list", "x"]);
      const secret = "sk-a-prompt-nobody-may-see";
      const failures = [
        at.wire.send(["INCR", "list"]),
        at.wire.send(["NOSUCH", secret]),
        at.wire.run({ name: "fail", source: "return redis.error_reply('SCHEMA 7 ' .. ARGV[1])" }, [], [secret]),
        at.wire.run({ name: "broken", source: `local a = ARGV[1]; error('broke with ' .. a)` }, [], [secret]),
        at.wire.run({ name: "syntax", source: "return (" }, [], [secret]),
      ];
      const errors = await Promise.all(
        failures.map((failure) =>
          failure.then(
            () => undefined,
            (error) => error,
          ),
        ),
      );
      for (const error of errors) {
        expect(error).toBeInstanceOf(WireError);
        expect(everyWord(error)).not.toContain("sk-a-prompt");
      }
      expect(errors.map((error) => error.message)).toEqual([
        expect.stringMatching(/^WRONGTYPE Operation against a key .* \(INCR\)$/),
        expect.stringMatching(/^ERR unknown command/i),
        expect.stringMatching(/^SCHEMA 7 … \(the script fail\)$/),
        expect.stringMatching(/broke with .*\(the script broken\)$/s),
        expect.stringMatching(/^ERR Error compiling script.*\(the script syntax\)$/s),
      ]);
    });

    test("a Redis that is full is unavailable at once, with what to do about it", async () => {
      await using at = await world({}, ["maxmemory 1", "maxmemory-policy noeviction"]);
      const error = await at.wire.send(["SET", "k", "v"]).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: "store_unavailable", remedy: expect.stringContaining("maxmemory") });
      await expect(
        at.wire.run({ name: "w", source: "return redis.call('SET', KEYS[1], 1)" }, ["k"], []),
      ).rejects.toMatchObject({
        code: "store_unavailable",
      });
    });

    test("a Redis that is a read-only replica is unavailable, and not before its primary may be back", async () => {
      await using at = await world({ callMs: 1_000 });
      await at.other.replicaof("127.0.0.1", "1");
      await expect(at.wire.send(["SET", "k", "v"])).rejects.toMatchObject({
        code: "store_unavailable",
        message: expect.stringMatching(/READONLY|MASTERDOWN/),
      });
      await using wider = await world();
      await wider.other.replicaof("127.0.0.1", "1");
      const set = wider.wire.send(["SET", "k", "v"]);
      await wider.other.replicaof("NO", "ONE");
      expect(await set).toBe("OK");
    });

    test("a Redis that was killed and comes back is found again, and knows its scripts again", async () => {
      await using at = await world();
      await at.wire.run(count, ["n"], []);
      await at.redis.kill9();
      const after = at.wire.run(count, ["n"], []);
      await at.redis.restart();
      expect(await after).toBe(1);
    });

    test("a call ends within its deadline when nobody is there, and later ones sooner", async () => {
      await using at = await world({ tryMs: 300, callMs: 1_500, downMs: 100, probeMs: 60_000 });
      await at.redis.stop();
      const took = async () => {
        const start = performance.now();
        await expect(at.wire.send(["PING"])).rejects.toMatchObject({ code: "store_unavailable" });
        return performance.now() - start;
      };
      expect(await took()).toBeLessThan(4_000);
      expect(await took()).toBeLessThan(1_000);
      await at.redis.restart();
      await eventually(() =>
        at.wire.send(["PING"]).then(
          (answer) => answer === "PONG",
          () => undefined,
        ),
      );
    });

    test("a call ends within its deadline when Redis has stopped in its tracks, and goes on when it does", async () => {
      await using at = await world({ tryMs: 200, callMs: 600, downMs: 200 });
      await at.wire.send(["PING"]);
      at.redis.freeze();
      const start = performance.now();
      await expect(at.wire.send(["GET", "k"])).rejects.toMatchObject({ code: "store_unavailable" });
      expect(performance.now() - start).toBeLessThan(4_000);
      at.redis.thaw();
      await eventually(() =>
        at.wire.send(["PING"]).then(
          (answer) => answer === "PONG",
          () => undefined,
        ),
      );
    });

    test("hears what is published, by name and by pattern, and nothing after its signal", async () => {
      await using at = await world();
      using ear = listenWith(at.wire, { channels: ["wake", "ctl:1"], patterns: ["changed:*"] });
      await ear.up();
      await at.other.publish("wake", "1");
      await at.other.publish("ctl:1", '{"a":"ü, ☃"}');
      await at.other.publish("ctl:2", "not for us");
      await at.other.publish("changed:7", "x,y,z");
      await eventually(() => ear.heard().length === 3);
      expect([...ear.heard()].sort()).toEqual(["changed:7 x,y,z", 'ctl:1 {"a":"ü, ☃"}', "wake 1"]);
      ear.stop();
      await eventually(async () => (await at.other.pubsub("NUMSUB", "wake"))[1] === 0);
      expect(await at.other.pubsub("NUMPAT")).toBe(0);
      expect(ear.log()).toEqual(["up"]);
    });

    test("two that listen to one channel do not take it from each other", async () => {
      await using at = await world();
      using one = listenWith(at.wire, { channels: ["wake"] });
      using two = listenWith(at.wire, { channels: ["wake", "other"] });
      await Promise.all([one.up(), two.up()]);
      one.stop();
      await eventually(async () => Number((await at.other.pubsub("NUMSUB", "wake"))[1]) <= 1);
      await at.other.publish("wake", "still");
      await eventually(() => two.heard().includes("wake still"));
      expect(one.heard()).toEqual([]);
    });

    test("a Redis that goes away is told of, and listened to again when it is back", async () => {
      await using at = await world();
      using ear = listenWith(at.wire, { channels: ["wake"] });
      await ear.up();
      await at.redis.kill9();
      await eventually(() => ear.log().at(-1) === "down");
      await at.redis.restart();
      await eventually(() => ear.log().join() === "up,down,up");
      await eventually(() => at.other.publish("wake", "again").then(Boolean, () => undefined));
      await eventually(() => ear.heard().includes("wake again"));
    });
  });
}
