import { randomUUID } from "node:crypto";
import { systemClock } from "../../shared/clock.node.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import type { RedisWire, Script, Word } from "../../shared/store/redis/wire.ts";
import { openRedisStore } from "../../shared/store/redis.ts";
import { startRedis } from "../support/a-redis.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { type Random, seeded } from "../support/random.ts";
import { violationsIn } from "../support/redis-invariants.ts";
import { readRedis } from "../support/redis-snapshot.ts";
import type { Stage } from "./play.ts";
import { limits, type SimulatedStore } from "./simulate.ts";

const prefix = "simulation";
const timeKey = `${prefix}:test:time`;
const testTime = `(function() local t = redis.call('GET', '${timeKey}') return {math.floor(t / 1000), t % 1000 * 1000} end)()`;

/** Chance, and the call that is still on its way although it was answered. */
type Play = { random: Random; late: readonly [Script, readonly string[], readonly Word[]] | undefined };

/** One redis-server for many seeds, emptied in between; its scripts see virtual time. */
export async function redisStage(): Promise<Stage> {
  const server = await startRedis();
  const clock = fakeClock();
  const admin = openTcpWire({ url: server.url, clock: systemClock, random: Math.random });
  const play: Play = { random: seeded(0), late: undefined };
  const opened = [0, 1].map(() => {
    const wire = onVirtualTime(openTcpWire({ url: server.url, clock: systemClock, random: Math.random }), clock.now);
    return openRedisStore({
      ...{ wire: thatRepeats(wire, play), prefix, clock, limits },
      ...{ random: Math.random, newId: randomUUID },
    });
  });
  const [one, two] = opened as [SimulatedStore["stores"][0], SimulatedStore["stores"][1]];
  const simulated: SimulatedStore = {
    stores: [one, two],
    advance: (ms) => clock.advance(ms),
    inspect: async (call) =>
      call === "end" || play.random.below(10) === 0
        ? violationsIn(await readRedis(admin, prefix), limits.repoLimit)
        : [],
    restart: async () => void (await admin.send(["SCRIPT", "FLUSH"])),
  };
  return {
    fresh: async (seed) => {
      play.random = seeded(seed);
      play.late = undefined;
      await admin.send(["FLUSHDB"]);
      return simulated;
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      await admin[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Instead of Redis' own time scripts are told the one that stands in a key, set on the same connection before they run. */
function onVirtualTime(wire: RedisWire, now: () => number): RedisWire {
  const known = new Map<string, Script>();
  const rewritten = ({ name, source }: Script): Script => {
    const script = known.get(name) ?? { name, source: source.replaceAll("redis.call('TIME')", testTime) };
    known.set(name, script);
    return script;
  };
  return {
    ...wire,
    run: async (script, keys, args) => {
      const [, answer] = await Promise.all([
        wire.send(["SET", timeKey, now()]),
        wire.run(rewritten(script), keys, args),
      ]);
      return answer;
    },
  };
}

/** What a way to Redis does where replies are lost: the same script once more with the same words, at once or later. */
function thatRepeats(wire: RedisWire, play: Play): RedisWire {
  return {
    ...wire,
    run: async (script, keys, args) => {
      const { random, late } = play;
      if (late && random.below(8) === 0) {
        play.late = undefined;
        await wire.run(...late);
      }
      const answer = await wire.run(script, keys, args);
      if (random.below(20) === 0) play.late = [script, keys, args];
      return random.below(20) === 0 ? await wire.run(script, keys, args) : answer;
    },
  };
}
