import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { runCli } from "../../cli/main.ts";
import { apiClient, NoServer } from "../../shared/client.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import { silentLog } from "../../shared/log.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { aStore, someProfiles } from "../support/an-api.ts";
import { savedKey } from "../support/an-api-key.ts";

/** How long a client listens to a silent stream: no pause. */
const silenceMs = 45_000;

/** One time for a server and its clients, which goes on by what a client pauses, at once, and by nothing else. */
function aJumpingTime() {
  let jumped = 0;
  const pauses: number[] = [];
  const [began, booted] = [systemClock.now(), systemClock.uptime()];
  const server: Clock = { ...systemClock, now: () => began + jumped, uptime: () => booted + jumped };
  const sleep: Clock["sleep"] = async (ms, signal) => {
    if (ms === silenceMs) return systemClock.sleep(ms, signal);
    pauses.push(ms);
    jumped += ms;
  };
  return { server, client: { ...server, sleep } satisfies Clock, pauses };
}

/** A server that takes five requests a minute of the key of this client. */
async function aStrictServer() {
  const time = aJumpingTime();
  const { store, close } = await aStore(time.server);
  const env = { AGENTICORE_REQUIRE_KEYS: "true", AGENTICORE_RATE_LIMIT_PER_MINUTE: "5" };
  const api = await startApi({
    ...{ config: aConfig(env), store, profiles: someProfiles, clock: time.server, log: silentLog },
    ...{ version: "0.1.0", host: "127.0.0.1", port: 0 },
  });
  const { key } = await savedKey(store);
  const told: string[] = [];
  const clientBy = (fetch: typeof globalThis.fetch) =>
    apiClient({ url: api.url, apiKey: key, fetch, clock: time.client, onPostponed: (error) => told.push(error.code) });
  const client = clientBy(globalThis.fetch);
  return {
    ...{ store, url: api.url, key, time, told, client, clientBy },
    /** After this the next request is refused. */
    useUp: async () => {
      const ask = () => fetch(`${api.url}/jobs`, { headers: { "x-api-key": key } });
      while ((await ask()).status !== 429);
    },
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await close();
    },
  };
}

test("what reads, and a submission with its key, waits for its turn as Retry-After says; all else is told at once", async () => {
  await using server = await aStrictServer();
  const { client, time } = server;
  const { job } = await client.submit({ task: "x" }, { idempotencyKey: "one" });
  await server.useUp();
  for (const once of [() => client.submit({ task: "x" }), () => client.cancel(job.id), () => client.retry(job.id)])
    await expect(once()).rejects.toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("more than 5 requests"),
      remedy: expect.stringMatching(/^Try again in \d+ s/),
    });
  expect(time.pauses).toEqual([]);

  expect((await client.job(job.id)).id).toBe(job.id);
  expect(time.pauses).toHaveLength(1);
  expect(server.told).toEqual(["rate_limited"]);
  for (let n = 0; n < 6; n += 1) await client.submit({ task: "y" }, { idempotencyKey: "two" });
  expect((await client.jobs()).count).toBe(2);
  expect(time.pauses.length).toBeGreaterThan(1);
});

test("a job is followed, and its end awaited, over refusals at the beginning and in the middle: nothing is missing", async () => {
  await using server = await aStrictServer();
  const { store, time } = server;
  const { job } = await server.client.submit({ task: "x" });
  const { lease } = (await store.claim(aClaim({ leaseMs: 3_600_000 }))) ?? {};
  if (!lease) throw new Error("nothing to claim");
  let opened = 0;
  const client = server.clientBy(async (...asked) => {
    const response = await fetch(...asked);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (!isStream || !response.body) return response;
    opened += 1;
    if (opened > 1) return response;
    return new Response(cutAfterFirst(response.body, server.useUp), response);
  });
  await server.useUp();
  let lost = 0;
  const seen: string[] = [];
  for await (const { type } of client.follow(job.id, { onLost: () => lost++ })) {
    seen.push(type);
    if (seen.length === 2) await store.finish(lease, { status: "succeeded", patch: {} });
  }
  expect(seen).toEqual(["job.queued", "job.claimed", "job.succeeded"]);
  expect(server.told).toEqual(["rate_limited"]);
  expect(lost).toBeGreaterThan(0);
  // The pauses after a loss alone are half a second and one: two of these are waits for a turn.
  expect(time.pauses.filter((ms) => ms > 1_000).length).toBeGreaterThan(1);
  expect(Math.max(...time.pauses)).toBeLessThanOrEqual(75_000);
  await server.useUp();
  expect((await client.waitForEnd(job.id)).status).toBe("succeeded");
});

test("the command line says for how long it waits, and goes on by itself, with --follow too", async () => {
  await using server = await aStrictServer();
  const { job } = await server.client.submit({ task: "x" });
  const claim = await server.store.claim(aClaim({ leaseMs: 3_600_000 }));
  if (!claim) throw new Error("nothing to claim");
  await server.store.finish(claim.lease, { status: "succeeded", patch: { output: "the output" } });
  const cli = aCli({ env: { AGENTICORE_URL: server.url, AGENTICORE_API_KEY: server.key } });
  const context = { ...cli.context, clock: server.time.client };
  await server.useUp();

  expect(await runCli(["job", job.id, "--follow"], context)).toBe(0);
  expect(cli.written.err).toMatch(/more than 5 requests within a minute\. Trying again in \d+ s\./);
  expect(cli.written.out).toContain("the output");
});

test.each([
  { says: "5", least: 5, most: 75 },
  { says: "0", least: 5, most: 75 },
  { says: "3600", least: 0, most: 0 },
])("a 503 that goes on with Retry-After: $says is told after a bounded time", async ({ says, least, most }) => {
  const { client: clock, pauses } = aJumpingTime();
  const answering = createServer((_, answer) => answer.writeHead(503, { "retry-after": says }).end());
  await new Promise<void>((listening) => answering.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(answering.address() as AddressInfo).port}`;
  try {
    const client = apiClient({ url, fetch, clock });
    await expect(client.jobs()).rejects.toBeInstanceOf(NoServer);
    const seconds = pauses.reduce((sum, ms) => sum + ms, 0) / 1_000;
    expect(seconds).toBeGreaterThanOrEqual(least);
    expect(seconds).toBeLessThanOrEqual(most);
    expect(pauses.length).toBeLessThan(20);

    const stop = new AbortController();
    const stopped = { ...clock, sleep: async () => stop.abort(new Error("enough")) };
    const given = apiClient({ url, fetch, clock: stopped }).jobs({}, { signal: stop.signal });
    if (most > 0) await expect(given).rejects.toThrow("enough");
    else await expect(given).rejects.toBeInstanceOf(NoServer);
  } finally {
    answering.close();
    answering.closeAllConnections();
  }
});

/** The stream until its second event; then that is done, and the connection is lost. */
function cutAfterFirst(body: ReadableStream<Uint8Array>, then: () => Promise<void>): ReadableStream<Uint8Array> {
  let frames = 0;
  const decoder = new TextDecoder();
  return body.pipeThrough(
    new TransformStream({
      transform: async (chunk, controller) => {
        frames += decoder.decode(chunk).split("\n\n").length - 1;
        controller.enqueue(chunk);
        if (frames < 2) return;
        await then();
        controller.error(new Error("cut"));
      },
    }),
  );
}
