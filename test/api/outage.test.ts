import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JobEvent } from "../../shared/event.ts";
import { decodeSse, type SseFrame } from "../../shared/sse.ts";
import type { Claim } from "../../shared/store.ts";
import { aClaim, aJobId, aRunner } from "../support/a-job.ts";
import { anApi, aStore, type TestApi } from "../support/an-api.ts";
import { anOutage, hasty } from "../support/an-outage.ts";
import { eventually } from "../support/eventually.ts";
import { unsteady } from "../support/unsteady-store.ts";

async function anApiBeforeARemoteStore() {
  const outage = await anOutage();
  const { store, outlook } = outage;
  const api = await anApi({ store, outlook, clock: hasty });
  return {
    ...{ api, outage, truth: outage.truth },
    away: (is = true) => {
      outage.link.is = is ? "away" : "up";
    },
    /** A job that a runner has, and whose copy is on the disk. */
    running: async (): Promise<Claim> => {
      const id = await api.submit();
      const claim = await outage.truth.claim(aClaim());
      await api.get(`/jobs/${id}`);
      const path = join(outage.jobsDir, `${id}.json`);
      await eventually(() => existsSync(path) && JSON.parse(readFileSync(path, "utf8")).status === "running");
      return claim ?? raise();
    },
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await outage[Symbol.asyncDispose]();
    },
  };
}
function raise(): never {
  throw new Error("there was a job to claim");
}
const jobOf = ({ body }: { body: Record<string, unknown> }) => body["job"] as Record<string, unknown> & { id: string };
const line = (text: string, name: string) =>
  text.split("\n").find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));

test("a job that is submitted while the store is away is accepted, shown as spooled, and queued when the store is back", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { api } = world;
  world.away();
  const answer = await api.post("/jobs", { task: "Add a test" });
  const { id } = jobOf(answer);

  expect([answer.status, answer.headers.get("location")]).toEqual([202, `/jobs/${id}`]);
  const shown = { id, status: "queued", durability: "spooled", source: "file", stale: true };
  expect(jobOf(answer)).toMatchObject(shown);
  expect(jobOf(await api.get(`/jobs/${id}`))).toMatchObject(shown);
  expect((await api.get("/jobs")).body).toMatchObject({ count: 1, jobs: [shown] });

  world.away(false);
  await eventually(async () => jobOf(await api.get(`/jobs/${id}`))["durability"] === undefined);
  expect(await world.truth.get(JSON.parse(JSON.stringify(id)))).toMatchObject({ status: "queued" });
});

test("ready and the metrics tell that the store is away, and what waits for it", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { api } = world;
  expect((await api.get("/ready")).body).toEqual({
    success: true,
    parts: { store: { ok: true }, spool: { ok: true, waiting: 0 } },
  });
  world.away();
  await api.submit();
  await api.submit();

  const ready = await api.get("/ready");
  expect([ready.status, ready.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(ready.body).toMatchObject({
    code: "store_unavailable",
    parts: { store: { ok: false }, spool: { ok: true, waiting: 2 } },
  });
  const { status, text } = await api.get("/metrics");
  expect(status).toBe(200);
  expect(line(text, "agenticore_store_up")).toBe("agenticore_store_up 0");
  expect(line(text, "agenticore_spooled_submissions")).toBe("agenticore_spooled_submissions 2");
  expect(line(text, "agenticore_spooled_endings")).toBe("agenticore_spooled_endings 0");
  expect(text).toMatch(/^agenticore_store_errors_total\{operation="counts"\} [1-9]/m);
  expect(line(text, "agenticore_jobs")).toBeUndefined();

  world.away(false);
  await eventually(async () =>
    line((await api.get("/metrics")).text, "agenticore_spooled_submissions")?.endsWith(" 0"),
  );
  expect((await api.get("/ready")).status).toBe(200);
  expect(line((await api.get("/metrics")).text, "agenticore_store_up")).toBe("agenticore_store_up 1");
});

test("in an outage a profile may be chosen that a runner told of before; whether another exists cannot be said", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { api } = world;
  await world.truth.announce(aRunner({ profiles: [{ name: "docs", description: "", source: "box" }] }));
  await api.get("/profiles");
  world.away();
  expect((await api.post("/jobs", { task: "x", profile: "docs" })).status).toBe(202);
  const unknown = await api.post("/jobs", { task: "x", profile: "dosc" });
  expect([unknown.status, unknown.body["code"], unknown.headers.get("retry-after")]).toEqual([
    503,
    "store_unavailable",
    "5",
  ]);
  world.away(false);
  expect((await api.post("/jobs", { task: "x", profile: "dosc" })).status).toBe(422);
});

test("a key means one job also while it is spooled, and another request with it is 422", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { api } = world;
  world.away();
  const key = { "idempotency-key": "k-1" };
  const first = await api.post("/jobs", { task: "x" }, key);
  const again = await api.post("/jobs", { task: "x" }, key);
  const other = await api.post("/jobs", { task: "y" }, key);
  expect([first.status, again.status, again.headers.get("idempotent-replayed"), other.status]).toEqual([
    202,
    200,
    "true",
    422,
  ]);
  expect(jobOf(again).id).toBe(jobOf(first).id);
});

test("a spooled job that is cancelled over the API never reaches the store", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { api } = world;
  world.away();
  const id = await api.submit();
  const cancelled = await api.post(`/jobs/${id}/cancel`);
  expect([cancelled.status, jobOf(cancelled)]).toMatchObject([
    200,
    { status: "queued", cancel_requested_at: expect.any(String) },
  ]);
  world.away(false);
  await eventually(async () => jobOf(await api.get(`/jobs/${id}`))["status"] === "cancelled");
  expect((await world.truth.counts()).byStatus).toEqual({});
});

test("without a spool, each request that needs the store is a 503 that says when to come again", async () => {
  const { store, close } = await aStore();
  const { store: cut, link } = unsteady(store);
  await using api = await anApi({ store: cut });
  const id = await api.submit();
  link.is = "away";
  const session = { task: "x", session_id: aJobId() };
  const answers = await Promise.all([
    ...[api.post("/jobs", { task: "x" }), api.post("/jobs", session), api.get("/jobs"), api.get(`/jobs/${id}`)],
    ...[api.get(`/jobs/${id}?wait=1`), api.post(`/jobs/${id}/cancel`), api.post(`/jobs/${id}/retry`)],
    ...[api.post(`/jobs/${id}/messages`, { text: "x" }), api.get(`/jobs/${id}/events`), api.get("/profiles")],
    ...[api.get(`/jobs/${id}/events`, { accept: "application/json" }), api.get("/runners"), api.get("/ready")],
    ...[api.post("/runners/box-1/drain"), api.get("/")],
  ]);
  for (const { status, body, headers } of answers)
    expect([status, body["code"], headers.get("retry-after")]).toEqual([503, "store_unavailable", "5"]);
  expect((await api.get("/health")).status).toBe(200);
  await close();
});

test("a session cannot be continued while nobody can say whose it is", async () => {
  await using world = await anApiBeforeARemoteStore();
  world.away();
  const answer = await world.api.post("/jobs", { task: "x", session_id: aJobId() });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
});

test("a long poll waits through an outage: a copy is no news, and the end is told when it comes", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { job, lease } = await world.running();
  let answered = false;
  const poll = world.api.get(`/jobs/${job.id}?wait=30`).finally(() => {
    answered = true;
  });
  world.away();
  await eventually(() => (world.outage.outlook.storeErrors()["get"] ?? 0) > 2);
  expect(answered).toBe(false);
  await world.truth.finish(lease, { status: "succeeded", patch: {} });
  world.away(false);
  expect(jobOf(await poll)).toMatchObject({ status: "succeeded" });
  expect(jobOf(await poll)).not.toHaveProperty("stale");
});

test("a long poll that ends in an outage tells what is known, and of when", async () => {
  await using world = await anApiBeforeARemoteStore();
  const { job } = await world.running();
  const poll = world.api.get(`/jobs/${job.id}?wait=1`);
  world.away();
  expect(jobOf(await poll)).toMatchObject({
    status: "running",
    source: "file",
    stale: true,
    as_of: expect.any(String),
  });
});

test("whoever waits for a job that was accepted learns its id, although the store is gone by then", async () => {
  await using world = await anApiBeforeARemoteStore();
  const waiting = world.api.post("/jobs", { task: "x", wait: true, wait_seconds: 1 });
  await eventually(async () => (await world.truth.counts()).byStatus.queued === 1);
  rmSync(world.outage.jobsDir, { recursive: true, force: true });
  world.away();
  const answer = await waiting;
  expect([answer.status, jobOf(answer).id]).toEqual([202, expect.any(String)]);
});

/** What a stream says, as it says it. */
function reading(response: Response) {
  const frames: SseFrame[] = [];
  const over = (async () => {
    for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) frames.push(frame);
  })();
  return { frames, over };
}
const typesOf = (frames: readonly SseFrame[]) => frames.map(({ event }) => event);
const say = (api: TestApi["store"], { lease }: Claim, text: string) =>
  api.renew(lease, { leaseMs: 60_000, events: [{ type: "claude.said", data: { text } }] });

test("a stream stays through an outage, says so, and goes on where it was, without loss or repetition", async () => {
  await using world = await anApiBeforeARemoteStore();
  const claim = await world.running();
  const { frames, over } = reading(await world.api.fetch(`/jobs/${claim.job.id}/events`));
  await say(world.truth, claim, "before");
  await eventually(() => typesOf(frames).includes("claude.said"));
  world.away();
  await say(world.truth, claim, "meanwhile");
  await eventually(() => typesOf(frames).includes("stale"));
  await world.truth.finish(claim.lease, { status: "succeeded", patch: {} });
  world.away(false);
  await over;

  expect(typesOf(frames)).toEqual([
    "job.queued",
    "job.claimed",
    "claude.said",
    "stale",
    "stale",
    "claude.said",
    "job.succeeded",
  ]);
  const notes = frames.filter(({ event }) => event === "stale");
  expect(notes.map(({ data }) => JSON.parse(data))).toEqual([
    { stale: true, source: "file", as_of: expect.any(String) },
    { stale: false },
  ]);
  for (const { id } of notes) expect(id).toBeUndefined();
});

test("a stream that is opened in an outage, of a job with a copy, begins when the store is back", async () => {
  await using world = await anApiBeforeARemoteStore();
  const claim = await world.running();
  const { events } = await world.truth.events(claim.job.id, {});
  await world.truth.finish(claim.lease, { status: "succeeded", patch: {} });
  world.away();
  const headers = { "last-event-id": events[0]?.id ?? "" };
  const response = await world.api.fetch(`/jobs/${claim.job.id}/events`, { headers });
  const { frames, over } = reading(response);
  await eventually(() => frames.length > 0);
  world.away(false);
  await over;
  expect(typesOf(frames)).toEqual(["stale", "stale", "job.claimed", "job.succeeded"]);
  expect(
    (await world.api.fetch(`/jobs/${claim.job.id}/events`, { headers: { "last-event-id": frames.at(-1)?.id ?? "" } }))
      .status,
  ).toBe(204);
});

test("a spooled job is followed from its submission to its end", async () => {
  await using world = await anApiBeforeARemoteStore();
  world.away();
  const id = await world.api.submit();
  const { frames, over } = reading(await world.api.fetch(`/jobs/${id}/events`));
  world.away(false);
  const claim = await eventually(() => world.truth.claim(aClaim()));
  await world.truth.finish(claim.lease, { status: "succeeded", patch: {} });
  await over;
  expect(frames.map(({ data }) => (JSON.parse(data) as JobEvent).type)).toEqual([
    "job.queued",
    "job.claimed",
    "job.succeeded",
  ]);
});

test("the page for people is there in an outage, and says of when it is", async () => {
  await using world = await anApiBeforeARemoteStore();
  await world.running();
  world.away();
  const { status, text } = await world.api.get("/");
  expect(status).toBe(200);
  expect(text).toContain("The store cannot be reached");
  expect(text).toContain("Add a test");
});
