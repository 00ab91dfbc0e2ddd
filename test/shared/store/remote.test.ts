import { expect, test } from "vitest";
import type { AppError } from "../../../shared/error.ts";
import { queue, take } from "../../contract/store/store-world.ts";
import { aClaim, aRunner } from "../../support/a-job.ts";
import { aRunnerDoor } from "../../support/a-runner-door.ts";
import { eventually } from "../../support/eventually.ts";

const minute = 60_000;
const away = { code: "store_unavailable" };

/** Whether a wait is over, looked at without waiting for it. */
function watched(wait: Promise<void>) {
  let over = false;
  void wait.then(() => {
    over = true;
  });
  return () => over;
}

test("a reply that is lost is asked for again, and what was done is not done twice", async () => {
  await using door = await aRunnerDoor();
  const id = await queue(door.store);
  let lost = 0;
  const runner = await door.as(
    {},
    {
      fetch: async (input, init) => {
        const response = await door.api.app.request(String(input), init);
        if (String(input).endsWith("/changed")) return response;
        // Every other answer is lost on the way.
        lost += 1;
        if (lost % 2 === 1) throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
        return response;
      },
    },
  );
  const claim = await take(runner);
  expect(claim).toMatchObject({ job: { id, attempt: 1 }, lease: { fence: 1 } });
  const events = [{ type: "claude.said", data: { text: "hello" } }] as const;
  await runner.renew(claim.lease, { leaseMs: minute, events, firstEvent: 0 });
  expect(await runner.finish(claim.lease, { status: "succeeded", patch: {} })).toMatchObject({ status: "succeeded" });

  const types = (await door.store.events(id, {})).events.map(({ type }) => type);
  expect(types).toEqual(["job.queued", "job.claimed", "claude.said", "job.succeeded"]);
});

test.each([
  [
    "cannot be reached",
    async () => Promise.reject(new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") })),
  ],
  ["hangs", (_: unknown, init?: RequestInit) => hanging(init?.signal)],
  ["is behind a proxy that has lost it", async () => new Response("<html>", { status: 502 })],
  ["has lost its own store", async () => problem(503, "store_unavailable")],
])("an API that %s is a store that is away: told soon, and not for good", async (_, fetch) => {
  await using door = await aRunnerDoor();
  const refusals: AppError[] = [];
  const limits = { tryMs: 100, callMs: 300 };
  const runner = await door.as({}, { fetch, limits, onRefused: (error) => refusals.push(error) });
  await expect(runner.ping()).rejects.toMatchObject(away);
  expect(refusals).toEqual([]);
});

test.each([
  ["no Agenticore", async () => new Response("<html>", { status: 404 })],
  ["an Agenticore without a door for runners", async () => problem(404, "not_found")],
  ["an address that sends on", async () => new Response(null, { status: 302, headers: { location: "https://x/" } })],
])("what answers is %s: that is told, with where to look", async (_, fetch) => {
  await using door = await aRunnerDoor();
  const runner = await door.as({}, { fetch });
  await expect(runner.ping()).rejects.toMatchObject({ ...away, remedy: expect.stringContaining("AGENTICORE_URL") });
});

test("a revoked key, one without the pools and another version are told at once, once and for good", async () => {
  await using door = await aRunnerDoor();
  const told: AppError[] = [];
  let asked = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    asked += 1;
    return await door.api.app.request(String(input), init);
  };
  const onRefused = (error: AppError) => told.push(error);
  const runner = await door.as({ pools: ["big"] }, { fetch, onRefused });
  await expect(runner.get(await queue(door.store))).rejects.toMatchObject({ code: "forbidden" });
  expect(told).toEqual([]);
  await expect(runner.announce(aRunner())).rejects.toMatchObject({ code: "forbidden" });
  expect(told).toMatchObject([{ code: "forbidden", message: expect.stringContaining("api.example") }]);
  const [key] = await door.store.listKeys();
  await door.store.revokeKey(key?.id ?? "", new Date().toISOString());
  const before = asked;
  await expect(runner.ping()).rejects.toMatchObject({
    code: "unauthorized",
    message: expect.stringContaining("revoked"),
    remedy: expect.stringContaining("agenticore keys create"),
  });
  expect(asked - before).toBe(1);
  expect(told.at(-1)).toMatchObject({ code: "unauthorized" });
  const other = await door.as({}, { fetch: async () => problem(426, "conflict"), onRefused });
  await expect(other.ping()).rejects.toMatchObject({ code: "conflict" });
  expect(told).toHaveLength(3);
});

test("the key is sent as a header, and is in no error", async () => {
  await using door = await aRunnerDoor();
  const asked: string[] = [];
  const runner = await door.as(
    {},
    {
      limits: { tryMs: 50, callMs: 50 },
      fetch: async (input, init) => {
        asked.push(`${input}`, new Headers(init?.headers).get("authorization") ?? "");
        throw new Error("down");
      },
    },
  );
  const error = await runner.ping().catch((thrown: unknown) => thrown);
  const [, key = ""] = /^Bearer (ak_.+)$/.exec(asked[1] ?? "") ?? [];
  expect(key).toMatch(/^ak_/);
  expect(asked[0]).toBe("http://api.example/runner/v1/ping");
  expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain(key);
});

test("a job that comes after a claim found nothing ends the wait that follows, however late that is asked for", async () => {
  await using door = await aRunnerDoor();
  const runner = await door.as();
  const pools = ["default"];
  for (let round = 0; round < 3; round += 1) {
    expect(await runner.claim(aClaim({ pools }))).toBeUndefined();
    await queue(door.store);
    await runner.changed({ pools, timeoutMs: minute });
    const { lease } = await take(runner, { pools });
    await runner.finish(lease, { status: "succeeded", patch: {} });
  }
});

test("an idle runner is not woken by what others do, but by a job in its pools", async () => {
  await using door = await aRunnerDoor();
  const pools = ["big"];
  const idle = await door.as();
  await queue(door.store);
  const { lease } = await take(door.store);
  expect(await idle.claim(aClaim({ pools }))).toBeUndefined();
  const isOver = watched(idle.changed({ pools, timeoutMs: minute }));
  for (let n = 0; n < 20; n += 1) await door.store.renew(lease, { leaseMs: minute, patch: { cost_usd: n } });
  await idle.ping();
  expect(isOver()).toBe(false);
  await queue(door.store, { job: { pool: "big" } });
  await eventually(isOver, { what: "it hears of the job" });
});

test("a job that waits for its time does not have an idle runner ask without a pause", async () => {
  await using door = await aRunnerDoor();
  let asked = 0;
  const runner = await door.as(
    {},
    {
      fetch: async (input, init) => {
        asked += 1;
        return await door.api.app.request(String(input), init);
      },
    },
  );
  const pools = ["default"];
  await queue(door.store);
  const { lease } = await take(runner, { pools });
  await runner.release(lease, { reason: "waiting", delayMs: minute });
  const other = await queue(door.store, { job: { pool: "big" } });
  const { lease: busy } = await take(door.store, { pools: ["big"] });
  expect(busy.job).toBe(other);
  const over = AbortSignal.timeout(3_000);
  const idling = (async () => {
    while (!over.aborted) {
      expect(await runner.claim(aClaim({ pools }))).toBeUndefined();
      await runner.changed({ pools, timeoutMs: minute, signal: over });
    }
  })();
  asked = 0;
  for (let n = 0; !over.aborted; n += 1) {
    await door.store.renew(busy, { leaseMs: minute, patch: { cost_usd: n } });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await idling;
  expect(asked).toBeLessThan(40);
});

test("what is asked of a running job, and of a runner, reaches whoever waits through the API", async () => {
  await using door = await aRunnerDoor();
  const runner = await door.as();
  const id = await queue(door.store);
  await take(runner);
  await runner.announce(aRunner());
  const control = runner.changed({ job: id, control: true, timeoutMs: minute });
  const drained = runner.changed({ runner: "box-1/a1", timeoutMs: minute });
  const [isAsked, isDrained] = [watched(control), watched(drained)];
  // Behind the waits, as a runner does it.
  expect(await runner.announce(aRunner())).toEqual({ drain: false });
  expect([isAsked(), isDrained()]).toEqual([false, false]);
  await door.store.cancel(id, { name: "ada" });
  await control;
  expect(isDrained()).toBe(false);
  await door.store.drain("box-1");
  await drained;
});

test("a wait ends by its signal, by its time, with the store, and soon where the API is away; it never rejects", async () => {
  await using door = await aRunnerDoor();
  const stop = new AbortController();
  const runner = await door.as();
  const waits = [
    runner.changed({ pools: ["default"], timeoutMs: minute, signal: stop.signal }),
    runner.changed({ runner: "box-1/a1", timeoutMs: minute, signal: stop.signal }),
  ];
  stop.abort();
  await Promise.all(waits);
  await runner.changed({ pools: ["default"], timeoutMs: 20 });
  await runner.changed({ runner: "box-1/a1", timeoutMs: 20 });
  const last = runner.changed({ pools: ["default"], timeoutMs: minute });
  await runner[Symbol.asyncDispose]();
  await last;
  await runner.changed({ pools: ["default"], timeoutMs: minute });
  await expect(runner.ping()).rejects.toMatchObject(away);

  const lonely = await door.as({}, { fetch: async () => Promise.reject(new Error("down")) });
  await lonely.changed({ pools: ["default"], timeoutMs: minute });
  await lonely.changed({ runner: "box-1/a1", timeoutMs: minute });
});

test("an address that is none, or that holds a password, is told before anything is asked", async () => {
  await using door = await aRunnerDoor();
  for (const url of ["nowhere", "redis://x", "https://me:secret@host"])
    await expect(door.as({}, { url })).rejects.toMatchObject({ code: "invalid_request" });
});

const problem = (status: number, code: string): Response =>
  Response.json(
    { success: false, error: "x", type: "x", title: "x", status, detail: "x", code, remedy: "Wait." },
    { status, headers: { "content-type": "application/problem+json" } },
  );

const hanging = (signal: AbortSignal | null | undefined): Promise<Response> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true }));
