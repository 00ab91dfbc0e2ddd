import { afterAll, beforeAll, expect, test } from "vitest";
import type { Claim } from "../../../../shared/store.ts";
import { aClaim, aNewJob } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const aWorld = () => redisWorld({ connect: () => tcpTo(server), repoLimit: 1, poolLimits: { big: 2 } });

/** Twelve jobs of which hardly one is like the one before it, and one that comes twice. */
function mixed() {
  const jobs = Array.from({ length: 12 }, (_, n) =>
    aNewJob({
      tenant: n % 5 === 0 ? "blue" : "local",
      ...(n % 2 === 0 ? { repoKey: `https://h/${n % 4}` } : {}),
      job: {
        priority: n % 3 === 0 ? 1 : 0,
        pool: n % 4 < 2 ? "default" : "big",
        ...(n % 6 === 1 ? { session_id } : {}),
      },
    }),
  );
  const again = { ...aNewJob(), idempotency: { key: "k", body: "b" } };
  return [...jobs, again, again];
}

test("jobs that are submitted at once stand where they would stand if one came after the other", async () => {
  await using together = await aWorld();
  await using apart = await aWorld();
  const jobs = mixed();
  const atOnce = await Promise.all(jobs.map((job) => together.store.submit(job)));
  const inTurn = [];
  for (const job of jobs) inTurn.push(await apart.store.submit(job));

  const told = (all: typeof atOnce) => all.map(({ job, replayed }) => [job.id, job.queue_position, replayed]);
  expect(told(atOnce)).toEqual(told(inTurn));
  for (const { job } of atOnce) expect(await together.store.get(job.id)).toEqual(await apart.store.get(job.id));
});

test("claims at once get the jobs that claims in turn would get, within the limits, and each ends once", async () => {
  await using together = await aWorld();
  await using apart = await aWorld();
  const jobs = mixed();
  const request = () => aClaim({ pools: ["big", "default"] });
  for (const job of jobs) for (const { store } of [together, apart]) await store.submit(job);
  const seen: string[][] = [];
  for (let left = jobs.length - 1; left > 0; ) {
    const atOnce = await Promise.all(Array.from({ length: 13 }, () => together.store.claim(request())));
    const inTurn: (Claim | undefined)[] = [];
    for (let n = 0; n < 13; n++) inTurn.push(await apart.store.claim(request()));
    const ids = (all: typeof inTurn) => all.map((claim) => claim?.job.id);
    expect(ids(atOnce)).toEqual(ids(inTurn));
    const held = atOnce.flatMap((claim) => (claim ? [claim.lease] : []));
    seen.push(held.map(({ job }) => job));
    left -= held.length;
    expect(held.length).toBeGreaterThan(0);
    await together.check?.();
    const ended = await Promise.all(
      held.map((lease) => together.store.finish(lease, { status: "succeeded", patch: {} })),
    );
    expect(ended.map(({ status }) => status)).toEqual(held.map(() => "succeeded"));
    for (const lease of held) await apart.store.finish(lease, { status: "succeeded", patch: {} });
  }
  expect(seen.length).toBeGreaterThan(1);
  expect(new Set(seen.flat()).size).toBe(jobs.length - 1);
});
