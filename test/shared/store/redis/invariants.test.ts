import { afterAll, beforeAll, expect, test } from "vitest";
import { aClaim, aNewJob } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { checkInvariants, violationsIn } from "../../../support/redis-invariants.ts";
import { readRedis } from "../../../support/redis-snapshot.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";

/** One running job of a repository, one that waits for it, one that waits for its own session, and one that has ended. */
async function busyWorld() {
  const world = await redisWorld({ connect: () => tcpTo(server), repoLimit: 1 });
  const { store } = world;
  const facts = { repoKey: "https://h/r" };
  const ended = await store.submit(aNewJob({ idempotency: { key: "k", body: "b" } }));
  await store.cancel(ended.job.id, { name: "ada" });
  await store.submit(aNewJob({ ...facts, job: { session_id } }));
  const running = await store.claim(aClaim());
  const parked = await store.submit(aNewJob(facts));
  const waiting = await store.submit(aNewJob({ job: { session_id } }));
  const queued = await store.submit(aNewJob());
  if (running === undefined) throw new Error("nothing was claimed");
  const ids = { ended: ended.job.id, running: running.job.id, parked: parked.job.id, waiting: waiting.job.id };
  return { ...world, ids: { ...ids, queued: queued.job.id } };
}
type Ids = Awaited<ReturnType<typeof busyWorld>>["ids"];

const faults: readonly (readonly [what: string, command: (ids: Ids) => [string, ...string[]], sentence: RegExp])[] = [
  ["a job is lost", ({ queued }) => ["ZREM", "queue", queued], /queued and stands in: nothing/],
  ["a job is at two places", ({ queued }) => ["ZADD", "leases", "1", queued], /queued and stands in: queue, leased/],
  ["a lease is lost", ({ running }) => ["ZREM", "leases", running], /running and stands in: nothing/],
  ["a live job has a TTL", ({ queued }) => ["EXPIRE", `job:${queued}`, "1000"], /queued job has the TTL/],
  ["an ended job stays for ever", ({ ended }) => ["PERSIST", `job:${ended}`], /cancelled job has the TTL -1/],
  ["a lease has no job", () => ["ZADD", "leases", "1", "nobody"], /leases has nobody, which is no job/],
  [
    "a use is counted wrongly",
    () => ["HINCRBY", "use", `session:${session_id}`, "1"],
    /session:.*: 2 are counted, 1 run/,
  ],
  ["a limit is passed", ({ parked }) => ["ZADD", "queue", "1", parked], /1 runnable \+ 1 leased pass 1/],
  ["a session is used twice", ({ waiting }) => ["ZADD", "queue", "1", waiting], /is offered/],
  ["a list forgets a job", ({ queued }) => ["ZREM", "index:tenant:local", queued], /is not listed/],
  ["a list says otherwise", ({ queued }) => ["ZADD", "index:status:failed", "1", queued], /wrongly listed as failed/],
  [
    "nobody would let it go",
    ({ waiting }) => ["ZREM", `parked:session:${session_id}:-:default`, waiting],
    /nothing lets it go/,
  ],
  ["the demand forgets a job", ({ running }) => ["ZREM", "demand", running], /the demand says otherwise/],
  [
    "an attempt is not told",
    ({ running }) => ["HSET", `job:${running}`, "attempt", "3"],
    /began 3 attempts and ended 0/,
  ],
];

test.each(faults)("where %s the checker says so", async (_, fault, sentence) => {
  const world = await busyWorld();
  await checkInvariants(world.wire, { prefix: world.prefix, repoLimit: 1 });
  const [name, key = "", ...rest] = fault(world.ids);
  await world.wire.send([name, `${world.prefix}:${key}`, ...rest]);

  expect(violationsIn(await readRedis(world.wire, world.prefix), 1).join("\n")).toMatch(sentence);
  await expect(world[Symbol.asyncDispose]()).rejects.toThrow(sentence);
  await world.store[Symbol.asyncDispose]();
  await world.wire[Symbol.asyncDispose]();
});
