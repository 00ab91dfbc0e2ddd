import { expect, test } from "vitest";
import { decodeSse } from "../../../shared/sse.ts";
import { anApi, aStore, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { anIssuer } from "../../support/an-issuer.ts";
import { anMcpClient } from "../../support/an-mcp-client.ts";
import { openSse } from "../../support/an-sse-stream.ts";
import { eventually } from "../../support/eventually.ts";
import { type FakeClock, fakeClock } from "../../support/fake-clock.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { unsteady } from "../../support/unsteady-store.ts";

const settings = { requireKeys: true, loopbackOnly: false };
const revokedAt = "2026-03-01T12:00:00.000Z";

/** A live job's stream, and whether it has ended. */
async function opened(api: TestApi, as: Record<string, string>) {
  const made = await api.post("/jobs", { task: "x" }, as);
  const { id } = made.body["job"] as { id: string };
  const response = await api.fetch(`/jobs/${id}/events`, { headers: as });
  const state = { ended: false, frames: 0 };
  const reading = (async () => {
    for await (const { event } of decodeSse(response.body as ReadableStream<Uint8Array>)) if (event) state.frames += 1;
    state.ended = true;
  })();
  await eventually(() => state.frames === 1);
  return { id, state, reading };
}
/** So much time passes, in steps, with whatever is to happen in between. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n += 5) {
    clock.advance(5_000);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a revoked key ends its streams within a minute, with a line in the log, and no other's", async () => {
  const clock = fakeClock();
  const log = memoryLog();
  await using api = await anApi({ settings, clock, log });
  const [key, other] = [await savedKey(api.store), await savedKey(api.store)];
  const [mine, theirs] = [await opened(api, key.as), await opened(api, other.as)];
  await pass(clock, 60);
  expect([mine.state.ended, theirs.state.ended]).toEqual([false, false]);
  await api.store.revokeKey(key.id, revokedAt);
  await pass(clock, 60);
  await eventually(() => mine.state.ended);

  expect(theirs.state.ended).toBe(false);
  expect(log.lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ audit: "unauthorized", key: key.id, path: `/jobs/${mine.id}/events` }),
  );
  await api.store.cancel(theirs.id as never, { name: "test" });
  await pass(clock, 5);
  await theirs.reading;
});

test("so does one that expires, and a token", async () => {
  const clock = fakeClock({ now: Date.now() });
  const resource = "https://agents.example/mcp";
  await using issuer = await anIssuer(resource);
  await using api = await anApi({
    settings: { ...settings, oauth: { issuers: [issuer.issuer], resource } },
    clock,
    fetch,
  });
  const key = await savedKey(api.store, { expires_at: new Date(clock.now() + 70_000).toISOString() });
  const token = await issuer.token({ claims: { exp: Math.floor(clock.now() / 1_000) + 70 } });
  const streams = [await opened(api, key.as), await opened(api, { authorization: `Bearer ${token}` })];
  await pass(clock, 65);
  expect(streams.map(({ state }) => state.ended)).toEqual([false, false]);
  // A token is good for another 30 s, as clocks differ.
  await eventually(async () => {
    await pass(clock, 5);
    return streams.every(({ state }) => state.ended);
  });
});

test("MCP's streams end with the key as well", async () => {
  const clock = fakeClock();
  await using api = await anApi({ settings, clock });
  const key = await savedKey(api.store);
  const made = await api.post("/jobs", { task: "x" }, key.as);
  const { id } = made.body["job"] as { id: string };
  const open: ReadableStream<Uint8Array>[] = [];
  await using mcp = await anMcpClient(
    async (request) => {
      const response = await api.app.fetch(request);
      if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) return response;
      const [body, copy] = response.body.tee();
      open.push(copy);
      return new Response(body, response);
    },
    { headers: key.as },
  );
  await mcp.client.listen({ resourceSubscriptions: [`agenticore://jobs/${id}`] });
  await eventually(() => open.length > 0);
  const ends = Promise.all(
    open.map(async (stream) => {
      for await (const _ of stream);
    }),
  );
  await api.store.revokeKey(key.id, revokedAt);
  await pass(clock, 60);
  await ends;
});

test("a stream of HTTP+SSE ends with its key and no other's, and a message for it is refused", async () => {
  const clock = fakeClock();
  await using api = await anApi({ settings, clock });
  const [key, other] = [await savedKey(api.store), await savedKey(api.store)];
  await using mine = await openSse(api.fetch, key.as);
  await using theirs = await openSse(api.fetch, other.as);
  for (const sse of [mine, theirs]) expect(await sse.ask("ping")).toMatchObject({ result: {} });
  let isOver = false;
  const end = mine.next().then((message) => {
    isOver = true;
    return message;
  });
  await pass(clock, 60);
  expect(isOver).toBe(false);
  await api.store.revokeKey(key.id, revokedAt);
  const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
  await eventually(async () => {
    await pass(clock, 5);
    return (await mine.post(ping)).status === 401;
  });
  await pass(clock, 60);

  expect(await end).toBeUndefined();
  await pass(clock, 15);
  const channel = mine.endpoint.slice(-64);
  expect(await api.store.takeRelay({ channel, after: 0, ttlMs: 1 })).toBeUndefined();
  expect(await theirs.ask("ping")).toMatchObject({ result: {} });
});

test("while the store is away a stream goes on", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, link } = unsteady(inner.store);
  await using api = await anApi({ settings, clock, store });
  const key = await savedKey(inner.store);
  const mine = await opened(api, key.as);
  link.is = "away";
  await pass(clock, 700);
  expect(mine.state.ended).toBe(false);
  await inner.store.revokeKey(key.id, revokedAt);
  link.is = "up";
  await pass(clock, 60);
  await eventually(() => mine.state.ended);
});

test("whoever leaves is not looked after any more", async () => {
  const clock = fakeClock();
  await using inner = await aStore(clock).then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store, tried } = unsteady(inner.store);
  await using api = await anApi({ settings, clock, store });
  const key = await savedKey(inner.store);
  const made = await api.post("/jobs", { task: "x" }, key.as);
  const { id } = made.body["job"] as { id: string };
  const response = await api.fetch(`/jobs/${id}/events`, { headers: key.as });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await reader.cancel();
  const head = await api.fetch(`/jobs/${id}/events`, { method: "HEAD", headers: key.as });
  expect(head.status).toBe(200);
  const before = tried.filter((name) => name === "findKey").length;
  await pass(clock, 120);

  expect(tried.filter((name) => name === "findKey")).toHaveLength(before);
});
