import { expect, test } from "vitest";
import { apiKeyId, newApiKey } from "../../../shared/api-key.ts";
import { sha256 } from "../../../shared/digest.ts";
import { AppError } from "../../../shared/error.ts";
import { anApi, aStore } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { fakeClock } from "../../support/fake-clock.ts";
import { unsteady } from "../../support/unsteady-store.ts";

const asking = { settings: { requireKeys: true, loopbackOnly: false } };

test("a key that was created is taken by either header, and is a tenant of its own", async () => {
  await using api = await anApi(asking);
  const [one, two] = [await savedKey(api.store), await savedKey(api.store)];
  const made = await api.post("/jobs", { task: "Add a test" }, one.as);
  const { id } = made.body["job"] as { id: string };

  expect(made.status).toBe(202);
  expect((await api.get(`/jobs/${id}`, { "x-api-key": one.key })).status).toBe(200);
  expect((await api.get(`/jobs/${id}`, two.as)).status).toBe(404);
  expect((await api.get("/jobs")).status).toBe(401);
});

test("keys that share a tenant share its jobs", async () => {
  await using api = await anApi(asking);
  const [old, fresh] = [
    await savedKey(api.store, { tenant: "team-a" }),
    await savedKey(api.store, { tenant: "team-a" }),
  ];
  const made = await api.post("/jobs", { task: "Add a test" }, old.as);

  expect((await api.get(`/jobs/${(made.body["job"] as { id: string }).id}`, fresh.as)).status).toBe(200);
});

test("W-71: what is stored of a key opens nothing, nor does a key whose secret is another's", async () => {
  await using api = await anApi(asking);
  const [one, two] = [await savedKey(api.store), await savedKey(api.store)];
  const crossed = `ak_${one.id}_${two.key.slice(16)}`;
  const unknown = newApiKey((count) => crypto.getRandomValues(new Uint8Array(count))).key;
  const stored = JSON.stringify(await api.store.listKeys());

  expect(apiKeyId(crossed)).toBe(one.id);
  for (const key of [crossed, unknown, one.record.digest, one.id, `ak_${one.id}_`, one.key.slice(0, -1), `${one.key}x`])
    expect([key, (await api.get("/jobs", { "x-api-key": key })).status]).toEqual([key, 401]);
  expect(stored).not.toContain(one.key.slice(16));
  expect(stored).toContain(await sha256(one.key));
});

test("a revoked key ends at once, an expired one at its time, and each is told so", async () => {
  const clock = fakeClock();
  await using api = await anApi({ ...asking, clock });
  const revoked = await savedKey(api.store);
  const brief = await savedKey(api.store, { expires_at: new Date(clock.now() + 60_000).toISOString() });
  expect([(await api.get("/jobs", revoked.as)).status, (await api.get("/jobs", brief.as)).status]).toEqual([200, 200]);
  await api.store.revokeKey(revoked.id, "2026-02-01T00:00:00.000Z");
  clock.advance(60_000);

  const answers = [await api.get("/jobs", revoked.as), await api.get("/jobs", brief.as)];
  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  expect(answers[0]?.body["detail"]).toBe(`The API key ak_${revoked.id}_… was revoked at 2026-02-01T00:00:00.000Z.`);
  expect(answers[1]?.body["detail"]).toMatch(/has expired at/);
  for (const { text } of answers) expect(text).not.toMatch(/ak_[0-9a-f]{12}_[A-Za-z0-9_-]/);
});

test("its last use is noted, at most once a minute", async () => {
  const clock = fakeClock();
  await using api = await anApi({ ...asking, clock });
  const key = await savedKey(api.store);
  const used = async () => (await api.store.findKey(key.id))?.last_used_at;
  await api.get("/jobs", { "x-api-key": `ak_${key.id}_${"x".repeat(43)}` });
  expect(await used()).toBeUndefined();
  await api.get("/jobs", key.as);
  const first = await used();
  expect(first).toBe(new Date(clock.now()).toISOString());

  clock.advance(59_000);
  await api.get("/jobs", key.as);
  expect(await used()).toBe(first);
  clock.advance(1_000);
  await api.get("/jobs", key.as);
  expect(await used()).toBe(new Date(clock.now()).toISOString());
});

test("while the store is away a key that was good here stays good for ten minutes, and others wait", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, link } = unsteady(inner.store);
  await using api = await anApi({ ...asking, clock, store });
  const [known, fresh] = [await savedKey(inner.store), await savedKey(inner.store)];
  await api.get("/openapi.json", known.as);
  link.is = "away";

  expect((await api.get("/openapi.json", known.as)).status).toBe(200);
  expect((await api.get("/openapi.json", { "x-api-key": `ak_${known.id}_${"x".repeat(43)}` })).status).toBe(401);
  expect(await api.get("/openapi.json", fresh.as)).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
  clock.advance(600_001);
  expect((await api.get("/openapi.json", known.as)).status).toBe(503);
  link.is = "up";
  expect((await api.get("/openapi.json", known.as)).status).toBe(200);
});

test("a store that fails otherwise lets nobody in", async () => {
  await using inner = await aStore().then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const broken = { ...inner.store, findKey: () => Promise.reject(new AppError("internal", "broken")) };
  await using api = await anApi({ ...asking, store: broken });
  const { as } = await savedKey(inner.store);

  expect((await api.get("/jobs", as)).status).toBe(500);
});

test("where nobody is asked for a key, keys in the store change nothing", async () => {
  await using api = await anApi();
  await savedKey(api.store);

  expect((await api.get("/jobs")).status).toBe(200);
});
