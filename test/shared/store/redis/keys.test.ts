import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aClaim, aMessage, aNewJob, anApiKey, aRunner } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { type RedisWorld, redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

/** What ARCHITECTURE.md says of keys: a pattern and a type each. */
function documented(): readonly Readonly<{ name: RegExp; type: string }>[] {
  const text = readFileSync(new URL("../../../../ARCHITECTURE.md", import.meta.url), "utf8");
  const [, section = ""] = text.split("## Redis keys\n");
  const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| (`.+?) \| (hash|zset|set|stream|string) \|/gm)];
  return rows.flatMap(([, names = "", type = ""]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => ({
      name: new RegExp(`^${name.replaceAll(/\{[^}]+\}/g, ".+")}$`),
      type,
    })),
  );
}

/** Something of everything that a store keeps; `look` is called where most of it is there. */
async function aBusyStore({ store }: RedisWorld, look: () => Promise<void>): Promise<void> {
  const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
  const repoKey = "https://h/r";
  for (let n = 0; n < 3; n += 1) await store.submit(aNewJob({ repoKey, job: { session_id, pool: "big" } }));
  for (let n = 0; n < 3; n += 1) await store.submit(aNewJob({ repoKey }));
  const budgets = [{ name: "total/2026-03-01", limitUsd: 10, reserveUsd: 1 }];
  await store.submit(aNewJob({ tenant: "blue", idempotency: { key: "k", body: "b" }, budgets }));
  const claim = async () => {
    const got = await store.claim(aClaim({ pools: ["default", "big"] }));
    if (!got) throw new Error("nothing was claimed");
    return got;
  };
  await look();
  const [one, two] = [await claim(), await claim()];
  await look();
  await store.saveSession(one.lease, { id: session_id, tenant: one.tenant, job: one.job.id, runner: one.lease.runner });
  const transcript = { session: session_id, version: "1", bytes: 3, box: "box-1", data: "abc" };
  await store.saveTranscript(one.lease, transcript);
  const tree = { id: two.job.id, tenant: "local", repo_key: repoKey, repo_url: repoKey, pool: "default", pushed: true };
  const times = { created_at: "2026-03-01T12:00:00.000Z", used_at: "2026-03-01T12:00:00.000Z" };
  await store.saveWorktree(two.lease, { ...tree, ...times, status: "ready" });
  await store.addMessage(two.job.id, aMessage());
  const events = Array.from({ length: 60 }, () => ({ type: "claude.said" as const, data: { text: "x".repeat(100) } }));
  await store.renew(two.lease, { leaseMs: 360_000, events });
  await store.release(one.lease, { reason: "drained", delayMs: 60_000 });
  await store.finish((await claim()).lease, { status: "failed", patch: {} });
  await store.announce(aRunner());
  await store.takeLock({ name: "clone:0123456789ab", owner: "me", ttlMs: 60_000 });
  await store.saveKey(anApiKey());
  await store.takeTurn({ subject: "0123456789ab", limit: 5, windowMs: 60_000 });
  const told = await store.submit(aNewJob({ job: { notify_url: "https://hooks.example/" } }));
  await store.cancel(told.job.id, { name: "somebody" });
  for (const notice of await store.takeNotices({ limit: 1, leaseMs: 60_000 }))
    await store.settleNotice(notice, { kind: "failed", error: "The receiver answered 500.", retryMs: 60_000 });
  await store.openRelay({ channel: "0123456789abcdef", owner: "me", ttlMs: 60_000 });
  await look();
}

test("W-23: every key begins with the prefix, hash tag and all, and stands in ARCHITECTURE.md with its type", async () => {
  const prefix = "{jobs}";
  const limits = { repoLimit: 1, poolLimits: { big: 2 } };
  await using world = await redisWorld({ connect: () => tcpTo(server), prefix, ...limits });
  const { wire } = world;
  const seen = new Map<string, unknown>();
  const look = async () => {
    for (const key of (await wire.send(["KEYS", "*"])) as readonly string[])
      if (!key.startsWith(`${prefix}:test:`)) seen.set(key, await wire.send(["TYPE", key]));
  };
  await aBusyStore(world, look);

  expect([...seen.keys()].filter((key) => !key.startsWith(`${prefix}:`))).toEqual([]);
  const ours = [...seen].map(([key, type]) => ({ key: key.slice(prefix.length + 1), type }));
  const rows = documented();
  const isKnown = ({ key, type }: (typeof ours)[number]) => rows.some((row) => row.name.test(key) && row.type === type);
  expect(ours.filter((one) => !isKnown(one))).toEqual([]);
  expect(rows.filter(({ name }) => !ours.some(({ key }) => name.test(key))).map(({ name }) => name.source)).toEqual([]);
});

test("a pool that no live job waits in and a tenant without a job are forgotten, and known again with the next one", async () => {
  await using world = await redisWorld({ connect: () => tcpTo(server) });
  const { store, wire, prefix } = world;
  const known = async () => {
    await store.sweep();
    const names = (await wire.send(["HKEYS", `${prefix}:meta`])) as readonly string[];
    return names.filter((name) => /^(pool|tenant):/.test(name)).sort();
  };
  const { job } = await store.submit(aNewJob({ tenant: "blue", job: { pool: "rare", ttl_seconds: 60 } }));
  expect(await known()).toEqual(["pool:rare", "tenant:blue"]);
  await store.cancel(job.id, { name: "somebody" });
  expect(await known()).toEqual(["tenant:blue"]);
  await store.retry(job.id);
  expect(await known()).toEqual(["pool:rare", "tenant:blue"]);
  await store.cancel(job.id, { name: "somebody" });
  await world.advance(60_000);
  expect(await known()).toEqual([]);
});
