import { expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import { aServedApi } from "../../support/a-served-api.ts";
import { anApi, aStore, reply, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { fakeClock } from "../../support/fake-clock.ts";
import { unsteady } from "../../support/unsteady-store.ts";

const settings = { requireKeys: true, loopbackOnly: false, apiKeys: [new Secret("right")] };
const right = { "x-api-key": "right" };
const guess = (n = 0) => ({ "x-api-key": `ak_0123456789ab_${String(n).padStart(43, "x")}` });

/** As Node's server passes a request on: with the connection that it came by. */
const from =
  ({ app }: TestApi, remoteAddress: string) =>
  async (headers: Record<string, string>) =>
    reply(await app.request("/jobs", { headers }, { incoming: { socket: { remoteAddress } } }));

test("keys cannot be guessed at speed: after 60 failures in a minute an address is refused unseen, and no other is", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, tried } = unsteady(inner.store);
  await using api = await anApi({ settings, clock, store });
  const here = from(api, "192.0.2.1");
  for (let n = 0; n < 60; n += 1) expect((await here(guess(n))).status).toBe(401);
  const lookUps = tried.length;

  const refused = await here(guess(60));
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  const seconds = Number(refused.headers.get("retry-after"));
  // Not even the right one, were it guessed.
  expect((await here(right)).status).toBe(429);
  expect(tried).toHaveLength(lookUps);
  expect((await here({})).status).toBe(401);
  expect((await from(api, "192.0.2.2")(guess())).status).toBe(401);
  expect((await from(api, "192.0.2.2")(right)).status).toBe(200);
  // Strangers write nothing.
  expect(tried.filter((name) => !["findKey", "list"].some((read) => read === name))).toEqual([]);
  clock.advance(seconds * 1_000);
  expect((await here(right)).status).toBe(200);
});

test("whoever got in lately is not locked out by others of the same address", async () => {
  const clock = fakeClock();
  await using api = await anApi({ settings, clock });
  const known = await savedKey(api.store);
  const fresh = await savedKey(api.store);
  const here = from(api, "192.0.2.1");
  expect((await from(api, "198.51.100.7")(known.as)).status).toBe(200);
  for (let n = 0; n < 61; n += 1) await here(guess(n));

  expect((await here(known.as)).status).toBe(200);
  expect((await here(fresh.as)).status).toBe(429);
  await api.store.revokeKey(known.id, "2026-03-01T12:00:00.000Z");
  expect((await here(known.as)).status).toBe(401);
});

test("whoever gets in again and again stays known, however long ago the first time was", async () => {
  const clock = fakeClock();
  await using api = await anApi({ settings, clock });
  const here = from(api, "192.0.2.1");
  for (let minute = 0; minute < 20; minute += 4) {
    expect((await here(right)).status).toBe(200);
    clock.advance(4 * 60_000);
  }
  for (let n = 0; n < 61; n += 1) await here(guess(n));

  expect((await here(right)).status).toBe(200);
});

test("a customer's addresses are one, and the connection's own however it is written", async () => {
  await using api = await anApi({ settings, clock: fakeClock() });
  for (let n = 0; n < 60; n += 1) await from(api, `2001:db8:0:7::${n.toString(16)}`)(guess(n));
  for (let n = 0; n < 60; n += 1) await from(api, n % 2 ? "::ffff:192.0.2.9" : "192.0.2.9")(guess(n));

  expect((await from(api, "192.0.2.9")(right)).status).toBe(429);
  expect((await from(api, "2001:DB8:0:7:ffff::1")(right)).status).toBe(429);
  expect((await from(api, "2001:db8:0:8::1")(right)).status).toBe(200);
  expect((await from(api, "2001:db8::7")(right)).status).toBe(200);
});

test("behind a proxy the address is what the proxy wrote last; a header that is not named is nobody's address", async () => {
  await using api = await anApi({ settings: { ...settings, addressHeader: "x-forwarded-for" }, clock: fakeClock() });
  const proxy = from(api, "10.0.0.1");
  for (let n = 0; n < 60; n += 1) await proxy({ ...guess(n), "x-forwarded-for": `198.51.100.${n}, 192.0.2.1` });
  expect((await proxy({ ...right, "x-forwarded-for": "192.0.2.1" })).status).toBe(429);
  expect((await proxy({ ...right, "x-forwarded-for": "192.0.2.1, 192.0.2.2" })).status).toBe(200);

  await using bare = await anApi({ settings, clock: fakeClock() });
  for (let n = 0; n < 60; n += 1) await from(bare, "192.0.2.1")({ ...guess(n), "x-forwarded-for": `198.51.100.${n}` });
  expect((await from(bare, "192.0.2.1")({ ...right, "x-forwarded-for": "198.51.100.99" })).status).toBe(429);
});

test("the server itself knows where requests come from", async () => {
  await using served = await aServedApi({ AGENTICORE_API_KEYS: "right" });
  const status = async (key: string) => {
    const { status, body } = await fetch(`${served.url}/jobs`, { headers: { "x-api-key": key } });
    await body?.cancel();
    return status;
  };
  const all: number[] = [];
  for (let n = 0; n < 62; n += 1) all.push(await status(`wrong ${n}`));

  expect(all.slice(0, 60)).toEqual(Array(60).fill(401));
  expect(all.slice(60)).toEqual([429, 429]);
  expect(await status("right")).toBe(429);
});
