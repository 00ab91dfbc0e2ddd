import { existsSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { checkStore } from "../../cli/doctor/store.ts";
import { databasePath, openStore } from "../../cli/open-store.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { startBridge } from "../support/a-bridge.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { type RedisOptions, startRedis } from "../support/a-redis.ts";
import { freePort } from "../support/free-port.ts";

async function aRedis(options: RedisOptions = {}) {
  const redis = await startRedis(options);
  onTestFinished(() => redis[Symbol.asyncDispose]());
  return redis;
}
async function examined(env: Readonly<Record<string, string>>) {
  const { context } = aCli({ env });
  const { config } = await loadConfig(context);
  const checks = await checkStore(context, config);
  return { context, config, checks, states: checks.map(({ name, state }) => `${name} ${state}`) };
}
const well = ["redis ok", "eviction ok", "durability ok", "store ok", "wake-up ok"];

test("doctor finds a sound Redis sound, over TCP and over HTTP, and leaves nothing in it", async () => {
  const { url } = await aRedis({ durable: true });
  const bridge = await startBridge(url);
  onTestFinished(bridge.dispose);
  const tcp = await examined({ REDIS_URL: url });
  const http = await examined({ REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token });
  expect(tcp.states).toEqual(well);
  expect(http.states).toEqual(well);
  expect(tcp.checks[0]?.says).toMatch(/^Redis 7\.\S+, answers in \d+ ms$/);
  expect(tcp.checks[3]?.says).toBe("prefix agenticore (is made at the first start)");
  const client = new Redis(url);
  expect(await client.keys("*")).toEqual([]);
  client.disconnect();
});

test("a token whose rights end at the prefix is enough for jobs and for doctor", async () => {
  const { url } = await aRedis({ durable: true });
  const bridge = await startBridge(url, { tokens: ["box:scope=agenticore::secret-of-one-box-only"] });
  onTestFinished(bridge.dispose);
  const env = { REDIS_URL: bridge.url, REDIS_TOKEN: "secret-of-one-box-only" };
  const { config, context } = await examined(env);
  await using store = await openStore(config, context);
  const { job } = await store.submit(aNewJob());
  const claim = await store.claim(aClaim());
  expect(claim?.job.id).toBe(job.id);
  if (claim) await store.finish(claim.lease, { status: "succeeded", patch: {} });
  expect((await store.get(job.id))?.status).toBe("succeeded");
  expect((await examined(env)).states.filter((state) => !state.endsWith(" ok"))).toEqual([]);
});

test("doctor counts the jobs of the prefix", async () => {
  const { url } = await aRedis();
  const { config, context } = await examined({ REDIS_URL: url, REDIS_KEY_PREFIX: "mine" });
  await using store = await openStore(config, context);
  await store.submit(aNewJob());
  const { checks } = await examined({ REDIS_URL: url, REDIS_KEY_PREFIX: "mine" });
  expect(checks.find(({ name }) => name === "store")?.says).toMatch(/^prefix mine, schema \d+, 1 job$/);
});

test("doctor tells of a Redis that forgets, and what to set", async () => {
  const full = await aRedis({ config: ["maxmemory 100mb", "maxmemory-policy allkeys-lru"] });
  const { checks, states } = await examined({ REDIS_URL: full.url });
  expect(states).toEqual(["redis ok", "eviction broken", "durability warn", "store ok", "wake-up ok"]);
  for (const { state, mend } of checks) if (state !== "ok") expect(mend).toMatch(/^CONFIG SET /);
  const partly = await aRedis({ config: ["maxmemory-policy volatile-lru"] });
  expect((await examined({ REDIS_URL: partly.url })).states).toContain("eviction warn");
});

test("doctor tells of jobs of another version of Agenticore", async () => {
  const { url } = await aRedis();
  const client = new Redis(url);
  await client.hset("agenticore:meta", "schema", "999");
  client.disconnect();
  const { checks } = await examined({ REDIS_URL: url });
  expect(checks).toEqual([
    {
      name: "redis",
      state: "broken",
      says: expect.stringContaining("schema 999"),
      mend: expect.stringContaining("update"),
    },
  ]);
});

test("doctor tells why Redis cannot be reached", async () => {
  const { url } = await aRedis({ config: ["requirepass right-password"] });
  const told = async (env: Readonly<Record<string, string>>) => (await examined(env)).checks;
  expect(await told({ REDIS_URL: url })).toMatchObject([
    { state: "broken", mend: expect.stringContaining("REDIS_TOKEN") },
  ]);
  expect(await told({ REDIS_URL: "https://redis.example" })).toMatchObject([
    { state: "broken", says: expect.stringContaining("no token"), mend: expect.stringContaining("REDIS_TOKEN") },
  ]);
  const nobody = `redis://127.0.0.1:${await freePort()}`;
  expect(await told({ REDIS_URL: nobody })).toMatchObject([
    { state: "broken", says: expect.stringContaining("ECONNREFUSED") },
  ]);
});

test("doctor tells where nothing that is published comes through", async () => {
  const { url } = await aRedis({ config: ["user quiet on >quiet-password ~* +@all resetchannels"] });
  const { checks } = await examined({ REDIS_URL: url.replace("//", "//quiet:quiet-password@") });
  expect(checks.find(({ name }) => name === "wake-up")).toMatchObject({
    state: "warn",
    mend: expect.stringContaining("ACL"),
  });
});

test("with REDIS_URL the store is Redis, also while it is away, and no other is made", async () => {
  const nobody = `redis://127.0.0.1:${await freePort()}`;
  const { context } = aCli({ env: { REDIS_URL: nobody } });
  const { config } = await loadConfig(context);
  await using store = await openStore(config, context);
  expect(store.submit).toBeTypeOf("function");
  expect(existsSync(databasePath(config))).toBe(false);
});
