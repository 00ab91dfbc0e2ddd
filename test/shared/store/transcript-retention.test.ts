import { expect, test } from "vitest";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { startRedis } from "../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../support/redis-world.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const day = 24 * 3_600_000;

/** A conversation that is kept for the second time, ten days after its record. */
async function talk(store: JobStore, advance: (ms: number) => Promise<void>): Promise<void> {
  const { job } = await store.submit(aNewJob({ job: { session_id: session } }));
  const claim = await store.claim(aClaim({ leaseMs: 40 * day }));
  if (!claim) throw new Error("nothing was claimed");
  await store.saveSession(claim.lease, { id: session, tenant: "local", job: job.id, runner: claim.lease.runner });
  await advance(10 * day);
  await store.saveTranscript(claim.lease, { session, version: "1", bytes: 3, box: "box-1", data: "abc" });
}

test("SQLite forgets a conversation with the record of its session, 30 days after it was kept last", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  await talk(store, world.advance);
  await world.advance(30 * day - 1);
  await store.sweep();
  expect([await store.findTranscript(session), await store.findSession(session)]).not.toContain(undefined);

  await world.advance(1);
  await store.sweep();
  expect([await store.findTranscript(session), await store.findSession(session)]).toEqual([undefined, undefined]);
});

test("Redis forgets a conversation with the record of its session, 30 days after it was kept last", async () => {
  await using server = await startRedis();
  await using world = await redisWorld({ connect: () => tcpTo(server) });
  const key = (kind: string) => `${world.prefix}:${kind}:${session}`;
  // Redis counts a TTL by its own clock, so that most of the record's time has to be taken away.
  await talk(world.store, async () => void (await world.wire.send(["PEXPIRE", key("session"), 600_000])));
  const kept = await Promise.all(["session", "transcript"].map((kind) => world.wire.send(["PTTL", key(kind)])));
  for (const ms of kept) expect(30 * day - Number(ms)).toBeLessThan(60_000);
  for (const ms of kept) expect(Number(ms)).toBeLessThanOrEqual(30 * day);
});
