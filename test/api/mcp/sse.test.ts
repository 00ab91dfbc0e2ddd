import { expect, test } from "vitest";
import { aClaim } from "../../support/a-job.ts";
import { aServedApi } from "../../support/a-served-api.ts";
import { anApi } from "../../support/an-api.ts";
import { anSseClient } from "../../support/an-mcp-client.ts";
import { openSse } from "../../support/an-sse-stream.ts";
import { eventually } from "../../support/eventually.ts";
import { fakeClock } from "../../support/fake-clock.ts";
import { unsteady } from "../../support/unsteady-store.ts";

const initialize = {
  protocolVersion: "2024-11-05",
  capabilities: {},
  clientInfo: { name: "t", version: "1" },
};

test("a stream names the address for messages first, and answers come over it", async () => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  expect(sse.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(sse.headers.get("x-accel-buffering")).toBe("no");
  expect(sse.endpoint).toMatch(/^\/messages\?session_id=[0-9a-f]{64}$/);

  const posted = await sse.post({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize });
  expect([posted.status, posted.text]).toEqual([202, ""]);
  expect(await sse.next()).toMatchObject({
    id: 1,
    result: { protocolVersion: "2024-11-05", serverInfo: { name: "agenticore" }, instructions: expect.any(String) },
  });
  expect((await sse.post({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(202);
  expect(await sse.ask("ping")).toMatchObject({ result: {} });
  expect(await sse.ask("no/such")).toMatchObject({ error: { code: -32601 } });
});

test("each stream is a session of its own, which nobody can guess from another", async () => {
  await using api = await anApi();
  const all = await Promise.all(Array.from({ length: 20 }, () => openSse(api.fetch)));
  expect(new Set(all.map(({ endpoint }) => endpoint.slice(-64, -32))).size).toBe(20);
  const answers = await Promise.all(all.map((sse) => sse.ask("ping")));
  for (const answer of answers) expect(answer).toMatchObject({ id: 1_001, result: {} });
  for (const sse of all) await sse.close();
});

test("the SDK's client runs a task, is told of progress and reads the result, its messages taken by another instance over one file", async () => {
  await using served = await aServedApi();
  await using other = await anApi({ store: served.store });
  const posted: string[] = [];
  const divided: typeof fetch = async (to, init) => {
    const url = new URL(String(to));
    if (init?.method !== "POST") return await fetch(to, init);
    posted.push(url.pathname);
    return await other.app.request(`${url.pathname}${url.search}`, init);
  };
  await using agent = await anSseClient(served.url, { fetch: divided });
  const { body } = await agent.call("run_task", { task: "Add a test" });
  const job_id = (body["job"] as { id: string }).id;
  const claim = await served.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  const told: (string | undefined)[] = [];
  const waiting = agent.client.callTool(
    { name: "wait_for_job", arguments: { job_id, until: "end", timeout_seconds: 30 } },
    { onprogress: ({ message }) => void told.push(message) },
  );
  const said = { type: "claude.said" as const, data: { text: "Half way" } };
  await served.store.renew(claim.lease, { leaseMs: 60_000, events: [said] });
  await eventually(() => told.includes("Half way"));
  await served.store.finish(claim.lease, { status: "succeeded", patch: { output: "It is done." } });
  expect((await waiting).structuredContent).toMatchObject({ job: { status: "succeeded", output: "It is done." } });
  expect(new Set(posted)).toEqual(new Set(["/messages"]));
});

test("a call that its client cancels gets no answer, and the next one does", async () => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  const job_id = await api.submit();
  const params = { name: "wait_for_job", arguments: { job_id, until: "end", timeout_seconds: 50 } };
  await sse.post({ jsonrpc: "2.0", id: 7, method: "tools/call", params });
  await sse.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
  expect(await sse.ask("ping")).toMatchObject({ id: 1_001, result: {} });
});

test("a client that is gone leaves nothing behind: its session ends, and what it waited for", async () => {
  await using api = await anApi();
  let waits = 0;
  const store: typeof api.store = {
    ...api.store,
    changed: async (what) => {
      waits += 1;
      await api.store.changed(what).finally(() => (waits -= 1));
    },
  };
  await using watched = await anApi({ store });
  const sse = await openSse(watched.fetch);
  const params = { name: "wait_for_job", arguments: { job_id: await api.submit(), until: "end", timeout_seconds: 50 } };
  await sse.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  expect(await sse.ask("ping")).toBeDefined();
  await eventually(() => waits === 2);
  await sse.close();
  await eventually(() => waits === 0);
  expect((await sse.post({ jsonrpc: "2.0", id: 2, method: "ping" })).status).toBe(404);
});

test("a silent stream says every 15 s that it lives", async () => {
  const clock = fakeClock();
  await using api = await anApi({ clock });
  const response = await api.fetch("/sse");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await read()).toMatch(/^retry: (200)\n\nevent: endpoint\ndata: \/messages/);
  for (const _ of [1, 2]) {
    const next = read();
    // The stream, its wait for messages, and the look at the store's file.
    await eventually(() => clock.sleepers() === 3);
    clock.advance(15_000);
    expect(await next).toBe(": keep-alive\n\n");
  }
  await reader.cancel();
});

test("an old stream ends between two calls: what it has taken is answered first, and its session is over", async () => {
  await using api = await anApi({ streamMs: 300 });
  const sse = await openSse(api.fetch);
  const params = { name: "wait_for_job", arguments: { job_id: await api.submit(), until: "end", timeout_seconds: 1 } };
  await sse.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  expect(await sse.next()).toMatchObject({ id: 1, result: { structuredContent: { success: true } } });
  expect(await sse.next()).toBeUndefined();
  expect((await sse.post({ jsonrpc: "2.0", id: 2, method: "ping" })).status).toBe(404);
});

test("a server that stops answers who waits as it stands, and ends the stream", async () => {
  const stop = new AbortController();
  await using api = await anApi({ stopping: stop.signal });
  const sse = await openSse(api.fetch);
  const params = { name: "wait_for_job", arguments: { job_id: await api.submit(), until: "end", timeout_seconds: 50 } };
  await sse.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const answer = sse.next();
  expect(await sse.post({ jsonrpc: "2.0", method: "notifications/initialized" })).toMatchObject({ status: 202 });
  stop.abort();
  expect(await answer).toMatchObject({ id: 1, result: { structuredContent: { job: { status: "queued" } } } });
  expect(await sse.next()).toBeUndefined();
});

test("while the store is away messages are refused and the stream stays, and it ends where its relay was lost", async () => {
  await using api = await anApi();
  const line = unsteady(api.store);
  let isLost = false;
  const store: typeof api.store = {
    ...line.store,
    takeRelay: async (taken) => (isLost ? undefined : await line.store.takeRelay(taken)),
  };
  await using far = await anApi({ store });
  const sse = await openSse(far.fetch);
  expect(await sse.ask("ping")).toBeDefined();
  line.link.is = "away";
  expect((await sse.post({ jsonrpc: "2.0", id: 1, method: "ping" })).status).toBe(503);
  line.link.is = "up";
  expect(await sse.ask("ping")).toBeDefined();
  isLost = true;
  await sse.post({ jsonrpc: "2.0", id: 2, method: "ping" });
  expect(await sse.next()).toBeUndefined();
});
