import { expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import type { Turn } from "../../../shared/turn.ts";
import { anApi, aStore, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { fakeClock } from "../../support/fake-clock.ts";
import { unsteady } from "../../support/unsteady-store.ts";

const asking = (ratePerMinute: number) => ({ requireKeys: true, loopbackOnly: false, ratePerMinute });
const mcpCall = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
const accept = { accept: "application/json, text/event-stream" };

/** The statuses of so many requests, one after the other. */
async function statuses(api: TestApi, count: number, as: Record<string, string>): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n < count; n += 1) all.push((await api.get("/jobs", as)).status);
  return all;
}
const times = (count: number, status: number) => Array<number>(count).fill(status);

test("a key over its limit is refused with the time to wait, at every door, and has its turn then; others go on", async () => {
  const clock = fakeClock();
  await using api = await anApi({ settings: asking(5), clock });
  const [key, other] = [await savedKey(api.store), await savedKey(api.store)];
  const first = await api.get("/jobs", key.as);
  expect(first.headers.get("ratelimit-policy")).toBe('"key";q=5;w=60');
  expect(first.headers.get("ratelimit")).toMatch(/^"key";r=4;t=\d+$/);
  expect((await api.post("/mcp", mcpCall, { ...key.as, ...accept })).headers.get("ratelimit")).toMatch(/^"key";r=3;/);
  expect(await statuses(api, 3, key.as)).toEqual(times(3, 200));

  const refused = await api.post("/jobs", { task: "x" }, key.as);
  const seconds = Number(refused.headers.get("retry-after"));
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited", success: false } });
  expect(refused.headers.get("content-type")).toBe("application/problem+json");
  expect(refused.headers.get("ratelimit")).toBe(`"key";r=0;t=${seconds}`);
  expect(refused.headers.get("ratelimit-policy")).toBe('"key";q=5;w=60');
  expect((await api.post("/mcp", mcpCall, { ...key.as, ...accept })).status).toBe(429);
  expect((await api.get("/jobs", other.as)).body["count"]).toBe(0);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(120);

  clock.advance(seconds * 1_000);
  expect((await api.get("/jobs", key.as)).status).toBe(200);
});

test("of many requests at once a server lets through as many as the limit says", async () => {
  await using api = await anApi({ settings: asking(20), clock: fakeClock() });
  const { as } = await savedKey(api.store);
  const all = await Promise.all(Array.from({ length: 50 }, () => api.get("/jobs", as)));

  expect(all.filter(({ status }) => status === 200)).toHaveLength(20);
  expect(all.filter(({ status }) => status === 429)).toHaveLength(30);
});

test("servers of one store count together", async () => {
  const clock = fakeClock();
  await using one = await anApi({ settings: asking(20), clock });
  await using two = await anApi({ settings: asking(20), clock, store: one.store });
  const { as } = await savedKey(one.store);
  let served = 0;
  for (let n = 0; n < 40; n += 1) if ((await (n % 2 ? one : two).get("/jobs", as)).status === 200) served += 1;

  expect(served).toBe(20);
});

test("what is asked for does not wait for the turn", async () => {
  await using inner = await aStore().then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const tell = Promise.withResolvers<Turn>();
  const listed = Promise.withResolvers<void>();
  const store = {
    ...inner.store,
    takeTurn: () => tell.promise,
    list: (query: Parameters<typeof inner.store.list>[0]) => {
      listed.resolve();
      return inner.store.list(query);
    },
  };
  await using api = await anApi({ settings: asking(20), store });
  const { as } = await savedKey(inner.store);
  const answer = api.get("/jobs", as);
  await listed.promise;
  tell.resolve({ allowed: true, remaining: 7, resetMs: 1_500 });

  expect((await answer).headers.get("ratelimit")).toBe('"key";r=7;t=2');
});

test("who is refused is not looked up again, and is no load for the store", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, tried } = unsteady(inner.store);
  await using api = await anApi({ settings: asking(3), clock, store });
  const { as } = await savedKey(inner.store);
  await statuses(api, 4, as);
  const before = tried.filter((name) => name === "takeTurn").length;

  expect(await statuses(api, 30, as)).toEqual(times(30, 429));
  expect(tried.filter((name) => name === "takeTurn")).toHaveLength(before);
});

test("a store that is away, slow or broken makes nobody refused", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, link, tried } = unsteady(inner.store);
  await using api = await anApi({ settings: asking(3), clock, store });
  const { as } = await savedKey(inner.store);
  await api.get("/openapi.json", as);
  link.is = "away";
  for (let n = 0; n < 10; n += 1) expect((await api.get("/openapi.json", as)).status).toBe(200);
  // One that has just not answered is left alone.
  expect(tried.filter((name) => name === "takeTurn")).toHaveLength(2);
  link.is = "up";
  clock.advance(2_001);
  expect((await api.get("/openapi.json", as)).headers.get("ratelimit")).toContain("r=1;");

  const broken = { ...inner.store, takeTurn: () => Promise.reject(new Error("broken")) };
  await using other = await anApi({ settings: asking(1), store: broken });
  expect(await statuses(other, 5, as)).toEqual(times(5, 200));
  const stuck = { ...inner.store, takeTurn: () => new Promise<Turn>(() => undefined) };
  await using third = await anApi({ settings: asking(1), store: stuck });
  expect((await third.get("/jobs", as)).status).toBe(200);
});

test("a key may have a rate of its own, also none; a runner's key has no other, and where nobody is asked nobody is limited", async () => {
  await using api = await anApi({ settings: asking(2), clock: fakeClock() });
  const of = async (facts: Parameters<typeof savedKey>[1]) => (await savedKey(api.store, facts)).as;
  expect(await statuses(api, 5, await of({ rate: 4 }))).toEqual([...times(4, 200), 429]);
  expect(await statuses(api, 9, await of({ rate: 0 }))).toEqual(times(9, 200));
  expect(await statuses(api, 9, await of({ scopes: ["read", "runner"] }))).toEqual(times(9, 200));
  expect(await statuses(api, 3, await of({ scopes: ["read", "runner"], rate: 1 }))).toEqual([200, 429, 429]);
  await using off = await anApi({ settings: asking(0), store: api.store });
  expect(await statuses(off, 9, await of({}))).toEqual(times(9, 200));
  await using open = await anApi({ settings: { ratePerMinute: 1 } });
  expect(await statuses(open, 9, {})).toEqual(times(9, 200));
});

test("keys of the configuration are limited each for itself, and health is not", async () => {
  const settings = { apiKeys: [new Secret("red"), new Secret("blue")], loopbackOnly: false, ratePerMinute: 2 };
  await using api = await anApi({ settings, clock: fakeClock() });

  expect(await statuses(api, 3, { "x-api-key": "red" })).toEqual([200, 200, 429]);
  expect(await statuses(api, 3, { "x-api-key": "blue" })).toEqual([200, 200, 429]);
  for (let n = 0; n < 5; n += 1) expect((await api.get("/health", { "x-api-key": "red" })).status).toBe(200);
});
