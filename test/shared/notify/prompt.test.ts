import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NotifyDeps } from "../../../shared/notify/deliver.ts";
import { keepNotifying } from "../../../shared/notify/keep-notifying.ts";
import { pinnedPost } from "../../../shared/notify/post.node.ts";
import { Secret } from "../../../shared/secret.ts";
import { openRedisStore } from "../../../shared/store/redis.ts";
import type { JobStore } from "../../../shared/store.ts";
import { hour, minute, queue, read, type StoreWorld, take } from "../../contract/store/store-world.ts";
import { aReceiver } from "../../support/a-receiver.ts";
import { type ARedis, startRedis } from "../../support/a-redis.ts";
import { eventually } from "../../support/eventually.ts";
import type { FakeClock } from "../../support/fake-clock.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { onTestTime, redisWorld, tcpTo } from "../../support/redis-world.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

let redis: ARedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis[Symbol.asyncDispose]());

const allowed = ["127.0.0.1"];
type World = StoreWorld & Readonly<{ clock: FakeClock }>;
const worlds: Record<string, () => Promise<World>> = {
  SQLite: () => sqliteWorld(),
  Redis: () => redisWorld({ connect: () => tcpTo(redis) }),
};

/** Somebody who sends from this store and looks by itself once an hour only; `asked` says how often it did. */
function aSender(given: JobStore, clock: FakeClock) {
  let asked = 0;
  const store: JobStore = {
    ...given,
    takeNotices: (facts) => {
      asked += 1;
      return given.takeNotices(facts);
    },
  };
  const deps: NotifyDeps & { store: JobStore } = {
    ...{ store, clock, allowed, random: () => 0.5, log: memoryLog(), redact: (text: string) => text },
    ...{ post: pinnedPost({ allowed }), secrets: [new Secret("a text of more than twenty-four letters")] },
  };
  const stop = new AbortController();
  const over = keepNotifying({ ...deps, everyMs: hour }, stop.signal);
  return {
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await over;
    },
  };
}

/** Time passes until it is so; gives how much. */
async function passed(world: World, isSo: () => boolean, stepMs = 10): Promise<number> {
  let ms = 0;
  await eventually(async () => {
    if (isSo()) return true;
    await world.advance(stepMs);
    ms += stepMs;
    return false;
  });
  return ms;
}

test.concurrent.each(Object.entries(worlds))(
  "with %s another process that sends does so at once, and again as soon as a retry is due, though it looks once an hour",
  async (name, open) => {
    await using receiver = await aReceiver(500);
    await using world = await open();
    const other = await world.another();
    await using sender = aSender(other, world.clock);
    // Once more where it has begun to hear: what came before, it may have missed.
    await passed(world, () => sender.asked() >= (name === "Redis" ? 2 : 1));
    const id = await queue(world.store, { job: { notify_url: receiver.url } });
    const { lease } = await take(world.store);
    await world.store.finish(lease, { status: "succeeded", patch: {} });
    expect(await passed(world, () => receiver.received.length === 1)).toBeLessThan(10 * minute);
    await eventually(async () => (await read(world.store, id)).notify?.attempts === 1, { what: "it is noted" });
    expect(await passed(world, () => receiver.received.length === 2, 100)).toBeLessThan(10 * minute);
    expect(receiver.received.map(({ type }) => type)).toEqual(["job.succeeded", "job.succeeded"]);
  },
);

test("with Redis one of many that hear of a notice asks for it, and the others keep quiet", async () => {
  await using receiver = await aReceiver();
  await using world = await redisWorld({ connect: () => tcpTo(redis) });
  const { clock, prefix } = world;
  const heard: string[] = [];
  const senders = [0.1, 0.3, 0.5, 0.7, 0.9].map((turn) => {
    const wire = onTestTime(tcpTo(redis));
    const store = openRedisStore({
      ...{ prefix, clock, newId: randomUUID, random: () => turn },
      wire: {
        ...wire,
        listen: (what, signal) =>
          wire.listen(
            {
              ...what,
              onMessage: (channel, payload) => {
                what.onMessage(channel, payload);
                heard.push(payload);
              },
            },
            signal,
          ),
      },
    });
    return { store, ...aSender(store, clock) };
  });
  const asked = () => senders.reduce((sum, one) => sum + one.asked(), 0);
  const each = (payload: string) => heard.filter((one) => one === payload).length === senders.length;
  await eventually(() => asked() === 10, { what: "all hear" });
  await world.store.cancel(await queue(world.store, { job: { notify_url: receiver.url } }), { name: "somebody" });
  await eventually(() => each(" notices"), { what: "all have heard of it" });
  await world.advance(30);
  await eventually(() => each(" taken"), { what: "all have heard who takes it" });
  await world.advance(1_000);
  await eventually(() => receiver.received.length === 1, { what: "it is told" });
  expect(asked()).toBe(11);
  for (const one of senders) {
    await one[Symbol.asyncDispose]();
    await one.store[Symbol.asyncDispose]();
  }
});

test("with Redis a notice whose message was lost, or whose sender has died, is told of again by whoever sweeps", async () => {
  await using receiver = await aReceiver();
  await using world = await redisWorld({ connect: () => tcpTo(redis) });
  const id = await queue(world.store, { job: { notify_url: receiver.url } });
  await world.store.cancel(id, { name: "somebody" });
  // Somebody who dies with it.
  expect(await world.store.takeNotices({ limit: 1, leaseMs: minute })).toHaveLength(1);
  await using sender = aSender(await world.another(), world.clock);
  await eventually(() => sender.asked() === 2, { what: "it hears" });
  await world.advance(minute);
  await world.store.sweep();
  expect(await passed(world, () => receiver.received.length === 1)).toBeLessThan(10 * minute);
});
