import { randomUUID } from "node:crypto";
import { createConnection, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { apiClient } from "../../shared/client.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import { silentLog } from "../../shared/log.ts";
import type { Claim, JobStore } from "../../shared/store.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { aConfig, aServedApi } from "../support/a-served-api.ts";
import { someProfiles } from "../support/an-api.ts";

/** Pauses between tries are short, the watch over a silent stream is as long as it is. */
const hasty: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms > 20_000 ? ms : Math.min(ms, 5), signal),
};
const clientOf = (url: string, clock: Clock = hasty) => apiClient({ url, fetch: globalThis.fetch, clock });

async function running(store: JobStore): Promise<Claim> {
  await store.submit(aNewJob());
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  return claim;
}
const say = (store: JobStore, { lease }: Claim, texts: readonly string[]) =>
  store.renew(lease, { leaseMs: 60_000, events: texts.map((text) => ({ type: "claude.said", data: { text } })) });

test("a job is followed to its end over connections that are cut every few hundred bytes", async ({ signal }) => {
  await using served = await aServedApi();
  const claim = await running(served.store);
  await say(
    served.store,
    claim,
    Array.from({ length: 60 }, (_, index) => `${index}`),
  );
  await served.store.finish(claim.lease, { status: "succeeded", patch: {} });
  await using bad = await aCuttingProxy(served.api.port, 2_500);
  let lost = 0;

  const seen: string[] = [];
  for await (const event of clientOf(bad.url).follow(claim.job.id, { signal, onLost: () => lost++ }))
    seen.push(event.id);

  const { events } = await served.store.events(claim.job.id, {});
  expect(seen).toEqual(events.map((event) => event.id));
  expect(lost).toBeGreaterThan(3);
});

test("a job is followed over a restart of the server", async ({ signal }) => {
  await using first = await aServedApi();
  const { port } = first.api;
  const claim = await running(first.store);
  const seen: string[] = [];
  const following = (async () => {
    for await (const event of clientOf(first.url).follow(claim.job.id, { signal })) seen.push(event.type);
  })();
  const ended = clientOf(first.url).waitForEnd(claim.job.id, { signal });
  await say(first.store, claim, ["before"]);
  while (!seen.includes("claude.said")) await first.store.changed({ timeoutMs: 10 });

  await first.api.close();
  const second = await startApi({
    config: aConfig(),
    store: first.store,
    profiles: someProfiles,
    clock: systemClock,
    log: silentLog,
    version: "0.1.0",
    port,
  });
  await first.store.finish(claim.lease, { status: "succeeded", patch: {} });
  await following;

  expect(seen).toEqual(["job.queued", "job.claimed", "claude.said", "job.succeeded"]);
  expect((await ended).status).toBe("succeeded");
  await second.close();
});

test("following begins behind the cursor, and behind the end there is nothing", async () => {
  await using served = await aServedApi();
  const claim = await running(served.store);
  await served.store.finish(claim.lease, { status: "succeeded", patch: {} });
  const { events } = await served.store.events(claim.job.id, {});
  const follow = async (after: string | undefined) => {
    const types: string[] = [];
    for await (const event of clientOf(served.url).follow(claim.job.id, after ? { after } : {})) types.push(event.type);
    return types;
  };

  expect(await follow(events[0]?.id)).toEqual(["job.claimed", "job.succeeded"]);
  expect(await follow(events.at(-1)?.id)).toEqual([]);
});

test("a job that is not there, and a server that never was, are told at once", async () => {
  await using served = await aServedApi();
  const missing = clientOf(served.url).follow(randomUUID()).next();
  await expect(missing).rejects.toMatchObject({ code: "not_found" });
  await expect(clientOf(served.url).waitForEnd(randomUUID())).rejects.toMatchObject({ code: "not_found" });
  await expect(clientOf("http://127.0.0.1:9").follow(randomUUID()).next()).rejects.toThrow("No server answers");
});

test("following ends quietly when it is given up", async () => {
  await using served = await aServedApi();
  const claim = await running(served.store);
  const stop = new AbortController();
  const types: string[] = [];
  for await (const event of clientOf(served.url).follow(claim.job.id, { signal: stop.signal })) {
    types.push(event.type);
    if (event.type === "job.claimed") stop.abort();
  }
  expect(types).toEqual(["job.queued", "job.claimed"]);
});

/** Passes on so many bytes of an answer, then cuts the connection. */
async function aCuttingProxy(port: number, bytes: number) {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    open.add(near);
    const far = createConnection({ port, host: "127.0.0.1" });
    let left = bytes;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    near
      .on("data", (data) => far.write(data))
      .on("error", cut)
      .on("close", cut);
    far.on("error", cut).on("close", cut);
    far.on("data", (data) => {
      const part = data.subarray(0, Math.max(left, 0));
      left -= part.length;
      near.write(part);
      // An orderly end: a reset would also take back what was sent.
      if (left === 0) near.end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const at = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${at.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
