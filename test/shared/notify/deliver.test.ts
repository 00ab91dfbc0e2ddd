import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import type { Job } from "../../../shared/job.ts";
import type { NotifyDeps } from "../../../shared/notify/deliver.ts";
import { keepNotifying } from "../../../shared/notify/keep-notifying.ts";
import { pinnedPost } from "../../../shared/notify/post.node.ts";
import { deliverNotices } from "../../../shared/notify/sender.ts";
import { redactor } from "../../../shared/redact.ts";
import { Secret } from "../../../shared/secret.ts";
import type { JobStore } from "../../../shared/store.ts";
import { hour, minute, queue, read, take } from "../../contract/store/store-world.ts";
import { type Answering, aReceiver } from "../../support/a-receiver.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const key = "a text of more than twenty-four letters";
const hidden = "a-secret-that-is-known";

async function aSender(...answers: readonly Answering[]) {
  const receiver = await aReceiver(...answers);
  const world = await sqliteWorld();
  const log = memoryLog();
  const allowed = ["127.0.0.1"];
  const deps: NotifyDeps = {
    ...{ store: world.store, clock: world.clock, log, allowed, random: () => 0.5, timeoutMs: 2_000 },
    secrets: [new Secret(key)],
    post: pinnedPost({ allowed }),
    redact: redactor([hidden]),
  };
  const ended = async (facts: Partial<Job> = {}) => {
    const id = await queue(world.store, { job: { notify_url: receiver.url, ttl_seconds: 200_000, ...facts } });
    await world.store.cancel(id, { name: "somebody" });
    return id;
  };
  return {
    ...{ receiver, world, log, deps, ended },
    send: () => deliverNotices(deps),
    [Symbol.asyncDispose]: async () => {
      await receiver[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("a notification is the event and the job in short, signed over id, time and body, without known secrets", async () => {
  await using sender = await aSender();
  const { store, clock } = sender.world;
  const id = await queue(store, {
    job: { notify_url: sender.receiver.url, task: "the task stays here", metadata: { ticket: "T-7", token: hidden } },
  });
  const error = `It said ${hidden}`;
  const patch = { output: "and the output", branch: "agenticore-1", error_code: "timeout", error } as const;
  await store.finish((await take(store)).lease, { status: "failed", patch });
  await sender.send();
  const [got, ...more] = sender.receiver.received;
  if (!got) throw new Error("nothing was received");
  expect(more).toEqual([]);
  const { events } = await store.events(id, {});
  const last = events.at(-1);
  const body = JSON.parse(got.body);
  expect(body).toEqual({
    type: "job.failed",
    timestamp: last?.at,
    data: {
      job: expect.objectContaining({
        ...{ id, status: "failed", branch: "agenticore-1", attempt: 1, profile: "code" },
        metadata: { ticket: "T-7", token: "[redacted]" },
      }),
      event: { ...last, data: { ...last?.data, error: "It said [redacted]" } },
    },
  });
  expect(got.body).not.toMatch(/the task stays here|and the output|notify_url/);
  const { headers } = got;
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "webhook-id": `msg_${id}_${events.length}`,
    "webhook-timestamp": String(Math.floor(clock.now() / 1_000)),
  });
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${got.body}`;
  expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  expect((await read(store, id)).notify).toMatchObject({ attempts: 1, delivered: 1 });
  expect(sender.log.lines.join()).toContain('"notified"');
});

test("a receiver that fails, is silent, closes or redirects gets the same notification later, each time later", async () => {
  await using sender = await aSender(
    500,
    () => undefined,
    (response) => response.destroy(),
    302,
  );
  const { store } = sender.world;
  const id = await sender.ended();
  const errors = [];
  await sender.send();
  errors.push((await read(store, id)).notify?.last_error);
  for (const ms of [5_000, 30_000, 2 * minute, 10 * minute]) {
    await sender.world.advance(ms - 1);
    await sender.send();
    expect(sender.receiver.received).toHaveLength(errors.length);
    await sender.world.advance(1);
    await sender.send();
    errors.push((await read(store, id)).notify?.last_error);
  }
  expect(errors).toEqual([
    "The receiver answered 500.",
    "The receiver did not answer within 2 s.",
    "The receiver could not be reached (ECONNRESET).",
    "The receiver answered 302: redirects are not followed.",
    undefined,
  ]);
  const { received } = sender.receiver;
  expect(received).toHaveLength(5);
  expect(new Set(received.map((one) => one.id)).size).toBe(1);
  expect((await read(store, id)).notify).toMatchObject({ attempts: 5, delivered: 1 });
  await sender.world.advance(24 * hour);
  await sender.send();
  expect(received).toHaveLength(5);
});

test("a receiver that never takes it is asked for 24 h at most, and the log says what it answered and not its path", async () => {
  await using sender = await aSender(...Array<number>(50).fill(503));
  const { store } = sender.world;
  const id = await sender.ended();
  for (let step = 0; step < 30 * 60; step += 5) {
    await sender.send();
    await sender.world.advance(5 * minute);
  }
  const { length } = sender.receiver.received;
  expect(length).toBeGreaterThan(8);
  expect(length).toBeLessThan(16);
  expect((await read(store, id)).notify).toEqual({
    ...{ attempts: length, delivered: 0, given_up: 1, last_error: "The receiver answered 503." },
  });
  expect((await store.noticeCounts()).waiting).toBe(0);
  expect(sender.log.lines.join()).toContain("The receiver answered 503.");
  expect(sender.log.lines.join()).not.toContain("/hook");
});

test("410 ends it for this job and for no other", async () => {
  await using sender = await aSender(410);
  const { store } = sender.world;
  const id = await sender.ended();
  await sender.send();
  await store.retry(id);
  await store.cancel(id, { name: "somebody" });
  await sender.ended();
  await sender.world.advance(hour);
  await sender.send();
  expect(sender.receiver.received).toHaveLength(2);
  expect((await read(store, id)).notify).toMatchObject({ stopped: true });
});

test("a host that is no longer allowed is sent nothing, whatever was allowed when the job was submitted", async () => {
  await using sender = await aSender();
  const id = await sender.ended();
  await deliverNotices({ ...sender.deps, allowed: ["hooks.example"] });
  expect(sender.receiver.received).toEqual([]);
  expect((await read(sender.world.store, id)).notify?.last_error).toContain("may not be notified");
});

test("two processes that look at once send each notification once", async () => {
  await using sender = await aSender();
  const other = await sender.world.another();
  const ids = await Promise.all(Array.from({ length: 12 }, () => sender.ended()));
  await Promise.all([sender.send(), deliverNotices({ ...sender.deps, store: other }), sender.send()]);
  const received = sender.receiver.received.map(({ id }) => id);
  expect(received).toHaveLength(ids.length);
  expect(new Set(received).size).toBe(ids.length);
});

test("a process that ends while a receiver thinks says nothing of it, and the next one sends it again under the same id", async () => {
  await using sender = await aSender(() => undefined);
  const id = await sender.ended();
  const stop = new AbortController();
  const sending = deliverNotices(sender.deps, stop.signal);
  await eventually(() => sender.receiver.received.length === 1, { what: "the first request is there" });
  stop.abort();
  await sending;
  expect((await read(sender.world.store, id)).notify).toBeUndefined();
  await sender.world.advance(20_001);
  await sender.send();
  const [first, second] = sender.receiver.received;
  expect(second?.id).toBe(first?.id);
  expect((await read(sender.world.store, id)).notify).toMatchObject({ attempts: 1, delivered: 1 });
});

test("a store that cannot be asked is told of once, and notifications go on when it is back", async () => {
  await using sender = await aSender();
  await sender.ended();
  const { clock } = sender.world;
  let isAway = true;
  let asked = 0;
  const store: JobStore = {
    ...sender.world.store,
    takeNotices: async (facts) => {
      asked += 1;
      if (isAway) throw new Error("away");
      return await sender.world.store.takeNotices(facts);
    },
  };
  const stop = new AbortController();
  const keeping = keepNotifying({ ...sender.deps, store, everyMs: 1_000 }, stop.signal);
  await eventually(
    () => {
      clock.advance(1_001);
      return asked > 3;
    },
    { what: "it looks again and again" },
  );
  expect(sender.receiver.received).toEqual([]);
  isAway = false;
  await eventually(
    () => {
      clock.advance(1_001);
      return sender.receiver.received.length === 1;
    },
    { what: "it is sent" },
  );
  stop.abort();
  await keeping;
  expect(sender.log.lines.filter((line) => line.includes("could not be asked"))).toHaveLength(1);
});
