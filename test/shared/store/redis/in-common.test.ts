import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { take } from "../../../contract/store/store-world.ts";
import { aNewJob } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const aWorld = () => redisWorld({ connect: () => tcpTo(server) });

/** What is published under the prefix while this is done. */
async function published(prefix: string, act: () => Promise<unknown>): Promise<readonly string[]> {
  await using closed = new AsyncDisposableStack();
  const [listener, sender] = [new Redis(server.url), new Redis(server.url)];
  for (const connection of [listener, sender]) closed.defer(() => connection.disconnect());
  const told: string[] = [];
  const ended = new Promise<void>((resolve) => {
    listener.on("pmessage", (_, channel: string) => {
      if (channel === `${prefix}:test:end`) resolve();
      else told.push(channel.slice(prefix.length + 1).replace(/:.*/, ""));
    });
  });
  await listener.psubscribe(`${prefix}:*`);
  await act();
  await sender.publish(`${prefix}:test:end`, "");
  await ended;
  return told.toSorted();
}

test("jobs that are submitted at once are told of by one message, and their queue by one", async () => {
  await using world = await aWorld();
  const submit = () => world.store.submit(aNewJob());
  const one = await published(world.prefix, submit);
  expect(one).toHaveLength(2);
  expect(await published(world.prefix, () => Promise.all(Array.from({ length: 9 }, submit)))).toEqual(one);
});

test("half a character in what jobs have in common is U+FFFD, as in all that Redis is told", async () => {
  await using world = await aWorld();
  const { store } = world;
  const tenant = "blue\ud800";
  const fresh = aNewJob({ tenant, repoKey: "https://h/\udc00" });
  await store.submit(fresh);
  expect(await store.get(fresh.job.id, tenant)).toMatchObject({ id: fresh.job.id, status: "queued" });
  const { job, tenant: owner, lease } = await take(store, { runner: "runner\ud800", warm: ["https://h/\udc00"] });
  expect([job.id, owner]).toEqual([fresh.job.id, "blue\ufffd"]);
  await store.finish(lease, { status: "succeeded", patch: {} });
  expect(await store.get(fresh.job.id)).toMatchObject({ status: "succeeded" });
});
