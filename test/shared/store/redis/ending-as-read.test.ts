import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobStore, Lease } from "../../../../shared/store.ts";
import { aClaim, aMessage, aNewJob } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const said = [{ type: "claude.said", data: { text: "I look." } }] as const;
type Between = (runner: JobStore, lease: Lease, other: JobStore) => Promise<unknown>;

/** What may happen to a job between its claim and its end. */
const lives: readonly (readonly [what: string, between: Between])[] = [
  ["nothing", async () => undefined],
  [
    "what its runner told",
    async (store, lease) => {
      await store.renew(lease, {
        leaseMs: 9_000,
        patch: { phase: "cloning", pid: 7, warnings: ["slow"] },
        events: said,
      });
      await store.renew(lease, { leaseMs: 9_000 });
      await store.renew(lease, { leaseMs: 9_000, patch: { session_id, phase: "running", cost_usd: 0.5, output: "" } });
    },
  ],
  [
    "what others asked",
    async (store, lease, other) => {
      await store.renew(lease, { leaseMs: 9_000, patch: { phase: "running" } });
      await other.addMessage(lease.job, aMessage());
      await other.cancel(lease.job, { name: "ada" });
      await store.renew(lease, { leaseMs: 9_000, patch: { num_turns: 3 } });
    },
  ],
  [
    "what its runner told by another process",
    async (store, lease, other) => {
      await other.renew(lease, { leaseMs: 9_000, patch: { branch: "agenticore/1" } });
      await store.renew(lease, { leaseMs: 9_000, patch: { commit: "0".repeat(40) } });
    },
  ],
];

test.each(lives)("the answer to an end is the job as it is read after it: between them was %s", async (_, between) => {
  await using world = await redisWorld({ connect: () => tcpTo(server) });
  const { store } = world;
  const other = await world.another();
  for (const earlier of [false, true]) {
    const { job } = await store.submit(aNewJob({ repoKey: "https://h/r" }));
    if (earlier) {
      const first = await store.claim(aClaim());
      if (first) await store.release(first.lease, { reason: "drained" });
    }
    const claim = await store.claim(aClaim());
    if (claim?.job.id !== job.id) throw new Error("another job was claimed");
    expect(claim.job).toEqual(await other.get(job.id));
    await between(store, claim.lease, other);
    const ended = await store.finish(claim.lease, { status: "failed", patch: { error: "no", error_code: "internal" } });

    expect(ended).toEqual(await other.get(job.id));
    expect(await store.finish(claim.lease, { status: "failed", patch: {} })).toEqual(ended);
    expect((await other.events(job.id, {})).events.at(-1)).toMatchObject({ type: "job.failed", data: { error: "no" } });
  }
});
