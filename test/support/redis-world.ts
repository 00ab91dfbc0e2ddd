import { randomUUID } from "node:crypto";
import { systemClock } from "../../shared/clock.node.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import type { RedisWire, Script } from "../../shared/store/redis/wire.ts";
import { openRedisStore } from "../../shared/store/redis.ts";
import type { JobStore, StoreLimits } from "../../shared/store.ts";
import type { StoreWorld } from "../contract/store/store-world.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";
import { checkInvariants } from "./redis-invariants.ts";

export type RedisWorld = StoreWorld &
  Readonly<{
    clock: FakeClock;
    prefix: string;
    /** A wire of the world's own, on its time. */
    wire: RedisWire;
    /** Time passes in which nobody reached Redis. */
    outage: (ms: number) => Promise<void>;
  }>;
type Options = StoreLimits &
  Readonly<{
    /** Opens one more wire to the server, for a store. */
    connect: () => RedisWire;
    /** The world's own wire, which must see all keys; where a store's may not. */
    look?: () => RedisWire;
    /** What stands between a store and its wire. */
    wrap?: (wire: RedisWire) => RedisWire;
    /** That of another world, to share its state. */
    prefix?: string;
  }>;

/** A wire to a server of a test, on the real clock. */
export const tcpTo = (server: Readonly<{ url: string }>): RedisWire =>
  openTcpWire({ url: server.url, clock: systemClock, random: Math.random });

/** Scripts are told the time that stands in a key, in milliseconds, instead of Redis' own: it stands still until a test moves it. */
export const onTestTime = (wire: RedisWire): RedisWire => ({
  ...wire,
  run: ({ name, source }: Script, keys, args) =>
    wire.run({ name, source: source.replaceAll("redis.call('TIME')", testTime) }, keys, args),
});
const testTime =
  "(function() local t = redis.call('GET', P .. 'test:time') return {math.floor(t / 1000), t % 1000 * 1000} end)()";

/** An empty Redis store under a prefix of its own, on a time that stands still. */
export async function redisWorld(options: Options): Promise<RedisWorld> {
  const { connect, look = connect, wrap = (wire) => wire, prefix = `test-${randomUUID()}`, ...limits } = options;
  const clock = fakeClock();
  const wire = onTestTime(look());
  const pass = async (ms: number) => {
    // Ours first: what an answer says is to come in some time is then never looked for too early.
    clock.advance(Math.floor(ms));
    await wire.send(["SET", `${prefix}:test:time`, clock.now()]);
  };
  await pass(0);
  const opened: JobStore[] = [];
  const another = async () => {
    const own = wrap(onTestTime(connect()));
    const store = openRedisStore({ wire: own, prefix, clock, random: Math.random, newId: randomUUID, limits });
    opened.push(store);
    return store;
  };
  return {
    prefix,
    clock,
    wire,
    store: await another(),
    another,
    check: () => checkInvariants(wire, { prefix, ...limits }),
    outage: pass,
    advance: async (ms) => {
      await pass(ms);
      // Others live on meanwhile: without them the store would think that it had been away.
      await wire.send(["HSET", `${prefix}:meta`, "beat", clock.now()]);
    },
    [Symbol.asyncDispose]: async () => {
      await checkInvariants(wire, { prefix, ...limits });
      for (const store of opened) await store[Symbol.asyncDispose]();
      await wire[Symbol.asyncDispose]();
    },
  };
}
