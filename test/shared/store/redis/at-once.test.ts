import { afterAll, beforeAll, expect, test } from "vitest";
import type { Claim, Lease } from "../../../../shared/store.ts";
import { take } from "../../../contract/store/store-world.ts";
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

/** Jobs of one pool: plain ones of several priorities, some whose queue time ends after a minute, some of a repository or a session. */
const ofOnePool = () =>
  Array.from({ length: 30 }, (_, n) =>
    aNewJob({
      ...(n % 7 === 2 ? { queueTtlSeconds: 60 } : {}),
      ...(n % 5 === 3 ? { repoKey: "https://h/0" } : {}),
      job: { priority: n % 3, ...(n % 11 === 4 ? { session_id } : {}) },
    }),
  );

test.for([
  { limits: {}, warm: "never" },
  { limits: {}, warm: "now and then" },
  { limits: { repoLimit: 1 }, warm: "never" },
  { limits: { repoLimit: 2, poolLimits: { default: 9 } }, warm: "now and then" },
])("claims at once of one pool get what claims in turn would get: %o", async ({ limits, warm }) => {
  const connect = () => tcpTo(server);
  await using together = await redisWorld({ connect, ...limits });
  await using apart = await redisWorld({ connect, ...limits });
  for (const job of ofOnePool()) for (const { store } of [together, apart]) await store.submit(job);
  for (const world of [together, apart]) await world.advance(61_000);
  const request = (n: number) => aClaim(warm !== "never" && n % 4 === 3 ? { warm: ["https://h/0"] } : {});
  const taken = new Set<string>();
  for (;;) {
    const atOnce = await Promise.all(Array.from({ length: 7 }, (_, n) => together.store.claim(request(n))));
    const inTurn: (Claim | undefined)[] = [];
    for (let n = 0; n < 7; n++) inTurn.push(await apart.store.claim(request(n)));
    expect(atOnce.map((claim) => claim?.job.id)).toEqual(inTurn.map((claim) => claim?.job.id));
    await together.check?.();
    const got = atOnce.flatMap((claim) => claim ?? []);
    if (got.length === 0) break;
    for (const { job } of got) expect(taken.size).toBeLessThan(taken.add(job.id).size);
    for (const { store } of [together, apart])
      for (const { lease } of got) await store.finish(lease, { status: "succeeded", patch: {} });
  }
  expect(taken.size).toBe(26);
  for (const { store } of [together, apart])
    expect((await store.counts()).byStatus).toEqual({ succeeded: 26, expired: 4 });
});

test("a claim that is made twice, at once and again later, is one", async () => {
  await using world = await aWorld();
  for (let n = 0; n < 4; n++) await world.store.submit(aNewJob());
  const [one, other] = [aClaim(), aClaim()];
  const claims = await Promise.all([one, other, one].map((request) => world.store.claim(request)));
  await world.advance(5 * 60_000);
  claims.push(await world.store.claim(one));
  const leases = claims.map((claim) => claim?.lease);
  expect(leases).toEqual([leases[0], leases[1], leases[0], leases[0]]);
  expect(leases[1]?.job).not.toBe(leases[0]?.job);
});

/** A world in which a key of ours can be made unreadable for a while, as by somebody else's hand. */
async function fragileWorld() {
  const world = await redisWorld({ connect: () => tcpTo(server) });
  const { wire, prefix } = world;
  const withBroken = async <T>(key: string, act: () => Promise<T>): Promise<T> => {
    const [name, aside] = [`${prefix}:${key}`, `${prefix}:test:aside`];
    await wire.send(["RENAME", name, aside]);
    await wire.send(["SET", name, "broken"]);
    const result = await act();
    await wire.send(["RENAME", aside, name]);
    return result;
  };
  return { ...world, withBroken, leases: () => wire.send(["ZRANGE", `${prefix}:leases`, 0, -1]) };
}
const refused = { status: "rejected", reason: { code: "internal" } };

test("where one of several claims fails, those before it have their lease, and get the same job again", async () => {
  await using world = await fragileWorld();
  const { store } = world;
  const first = await store.submit(aNewJob({ job: { priority: 1 } }));
  const second = await store.submit(aNewJob());
  const claims = await world.withBroken(`job:${second.job.id}`, () =>
    Promise.allSettled([aClaim(), aClaim()].map((request) => store.claim(request))),
  );
  const got = { status: "fulfilled", value: { job: { id: first.job.id, attempt: 1 } } };
  expect(claims).toMatchObject([got, refused]);
  expect(await world.leases()).toEqual([first.job.id]);
  expect(await store.claim(aClaim())).toMatchObject({ job: { id: second.job.id, attempt: 1 } });
});

test("where one of several submissions fails, those before it are in the queue", async () => {
  await using world = await fragileWorld();
  const { store } = world;
  const idempotency = { key: "k", body: "b" };
  const known = await store.submit(aNewJob({ idempotency }));
  const fresh = aNewJob({ job: { priority: 1 } });
  const made = await world.withBroken("idem:local:k", () =>
    Promise.allSettled([fresh, aNewJob({ idempotency })].map((job) => store.submit(job))),
  );
  expect(made).toMatchObject([{ status: "fulfilled", value: { job: { id: fresh.job.id }, replayed: false } }, refused]);
  expect(await store.claim(aClaim())).toMatchObject({ job: { id: fresh.job.id } });
  expect(await store.claim(aClaim())).toMatchObject({ job: { id: known.job.id } });
});

test("where one of several ends fails, those before it are over", async () => {
  await using world = await fragileWorld();
  const { store } = world;
  for (let n = 0; n < 3; n++) await store.submit(aNewJob());
  const held: Lease[] = [];
  for (let n = 0; n < 3; n++) held.push((await take(store)).lease);
  const broken = held[1]?.job;
  const end = (lease: Lease) => store.finish(lease, { status: "succeeded", patch: { exit_code: 0 } });
  const ends = await world.withBroken(`job:${broken}`, () => Promise.allSettled(held.map(end)));
  const over = { status: "fulfilled", value: { status: "succeeded", exit_code: 0 } };
  expect(ends).toMatchObject([over, refused, over]);
  expect(await world.leases()).toEqual([broken]);
  expect(await Promise.all(held.map(end))).toMatchObject([over.value, over.value, over.value]);
});
