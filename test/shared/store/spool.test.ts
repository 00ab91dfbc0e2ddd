import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { boxQueue } from "../../../shared/box-queue.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import type { Clock } from "../../../shared/clock.ts";
import type { JobId } from "../../../shared/job.ts";
import { type Log, silentLog } from "../../../shared/log.ts";
import { takeSpoolLock } from "../../../shared/store/spool/spool-lock.node.ts";
import { withSpool } from "../../../shared/store/spool.node.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aJobId, aMessage, aNewJob } from "../../support/a-job.ts";
import { eventually } from "../../support/eventually.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";
import { unsteady } from "../../support/unsteady-store.ts";

/** Tries follow one another quickly; wall time and uptime are the machine's. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) };
/** After the first try in vain, nothing is tried by itself any more. */
const patient: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms > 400 ? 600_000 : ms, signal) };
const now = () => new Date().toISOString();
const fresh = (facts: Parameters<typeof aNewJob>[0] = {}) =>
  aNewJob({ ...facts, job: { created_at: now(), ...facts.job } });

/** A store behind a line that is cut, with a spool before it; `another` is a further process on the same folder. */
async function aSpooledStore() {
  const world = await sqliteWorld();
  const behind = unsteady(world.store);
  const dir = join(world.dir, "spool", "submissions");
  const errors: string[] = [];
  const warnings: string[] = [];
  const log: Log = {
    ...silentLog,
    error: (message, facts) => void errors.push(`${message} ${JSON.stringify(facts)}`),
    warn: (message, facts) => void warnings.push(`${message} ${facts?.["job"]}`),
  };
  const opened: JobStore[] = [];
  const another = (clock: Clock = hasty, folder = dir): JobStore => {
    const store = withSpool(
      { ...behind.store, [Symbol.asyncDispose]: async () => undefined },
      { dir: folder, clock, log, random: () => 0.5 },
    );
    opened.push(store);
    return store;
  };
  const files = () => (existsSync(dir) ? readdirSync(dir).filter((name) => /^[0-9a-f-]{36}\./.test(name)) : []);
  const submits = () => behind.tried.filter((name) => name === "submit").length;
  return {
    /** A further process that has tried to bring what there is, and tries no more by itself. */
    anotherInVain: async (): Promise<JobStore> => {
      const before = submits();
      const store = another(patient);
      await eventually(() => submits() > before);
      return store;
    },
    ...{ store: another(), another, link: behind.link, tried: behind.tried, dir, errors, warnings, files },
    /** The store itself, past the line. */
    truth: world.store,
    drained: () =>
      eventually(() => files().length === 0, { what: () => `the spool is empty: ${files()}`, deadlineMs: 5_000 }),
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("a submission that the store cannot answer is kept on the disk, answered for, and submitted under the same id later", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const asked = fresh({ tenant: "blue" });
  const { job, replayed } = await world.store.submit(asked);

  expect([job.id, replayed]).toEqual([asked.job.id, false]);
  expect(job).toMatchObject({
    status: "queued",
    durability: "spooled",
    source: "file",
    stale: true,
    as_of: expect.any(String),
  });
  expect(await world.store.get(job.id, "blue")).toEqual(job);
  expect(await world.truth.get(job.id)).toBeUndefined();
  expect([world.dir, join(world.dir, `${job.id}.json`)].map((path) => statSync(path).mode & 0o777)).toEqual([
    0o700, 0o600,
  ]);

  world.link.is = "up";
  await world.drained();
  expect(await world.truth.get(job.id, "blue")).toMatchObject({ status: "queued", task: asked.job.task });
  for (const field of ["durability", "source", "stale"])
    expect(await world.store.get(job.id)).not.toHaveProperty(field);
});

test("a spooled job waits in the part of its pool in which it was to wait: where its worktree or its profile is", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh({ queue: boxQueue("default", "box-1") }));
  world.link.is = "up";
  await world.drained();

  expect(await world.truth.claim(aClaim({ pools: ["default"] }))).toBeUndefined();
  const got = await world.truth.claim(aClaim({ pools: [boxQueue("default", "box-1")] }));
  expect(got?.job.id).toBe(job.id);
});

test("a later process brings what an earlier one has spooled", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const ids = [];
  for (let n = 0; n < 3; n += 1) ids.push((await world.store.submit(fresh())).job.id);
  await world.store[Symbol.asyncDispose]();
  world.link.is = "up";
  expect(world.files()).toHaveLength(3);

  world.another();
  await world.drained();
  const order = [];
  for (let claim = await world.truth.claim(aClaim()); claim; claim = await world.truth.claim(aClaim()))
    order.push(claim.job.id);
  expect(order).toEqual(ids);
});

test("several processes that drain one folder submit each job once", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const ids = new Set<JobId>();
  for (let n = 0; n < 20; n += 1) ids.add((await world.store.submit(fresh())).job.id);
  for (let n = 0; n < 3; n += 1) world.another();
  world.link.is = "up";

  await world.drained();
  expect((await world.truth.counts()).byStatus).toEqual({ queued: 20 });
  expect(world.tried.filter((name) => name === "submit").length).toBeGreaterThanOrEqual(40);
  for (const id of ids) expect(await world.truth.get(id)).toBeDefined();
  expect(world.errors).toEqual([]);
});

test("a submission that arrived, and only its answer was lost, makes one job", async () => {
  await using world = await aSpooledStore();
  world.link.is = "deaf";
  const { job } = await world.store.submit(fresh());
  expect(job).toMatchObject({ durability: "spooled" });
  const lease = (await world.truth.claim(aClaim()))?.lease;
  world.link.is = "up";

  await world.drained();
  expect(lease?.job).toBe(job.id);
  expect((await world.truth.counts()).byStatus).toEqual({ running: 1 });
});

test("an idempotency key means one job while it is spooled, and after; with another body it is refused", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const keyed = (body: string) => fresh({ idempotency: { key: "k-1", body } });
  const first = await world.store.submit(keyed("a"));
  const again = await world.store.submit(keyed("a"));
  const elsewhere = await world.another().submit(keyed("a"));

  expect([first.replayed, again.replayed, elsewhere.replayed]).toEqual([false, true, true]);
  expect([again.job.id, elsewhere.job.id]).toEqual([first.job.id, first.job.id]);
  await expect(world.store.submit(keyed("b"))).rejects.toMatchObject({ code: "invalid_request" });
  expect(await world.store.submit({ ...keyed("b"), tenant: "other" })).toMatchObject({ replayed: false });

  world.link.is = "up";
  await world.drained();
  expect(await world.store.submit(keyed("a"))).toMatchObject({ replayed: true, job: { id: first.job.id } });
  await expect(world.store.submit(keyed("b"))).rejects.toMatchObject({ code: "invalid_request" });
  expect((await world.truth.counts()).byStatus).toEqual({ queued: 2 });
});

test("a request with a key that had reached the store before the outage is the same job when it is sent again in it", async () => {
  await using world = await aSpooledStore();
  const keyed = () => fresh({ idempotency: { key: "k-1", body: "a" } });
  const first = await world.store.submit(keyed());
  world.link.is = "away";
  const again = await world.store.submit(keyed());
  expect(again.job.id).toBe(first.job.id);

  world.link.is = "up";
  await world.drained();
  expect((await world.truth.counts()).byStatus).toEqual({ queued: 1 });
});

test("fifty equal submissions at once, with the store away, are one job", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const other = world.another();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      (n % 2 ? other : world.store).submit(fresh({ idempotency: { key: "k", body: "a" } })),
    ),
  );
  expect(new Set(answers.map(({ job }) => job.id)).size).toBe(1);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
});

test("a key whose job another way had made ends as a visible job that names it", async () => {
  await using world = await aSpooledStore();
  const key = { key: "k-1", body: "a" };
  // Submitted by a process without a spool.
  const first = await world.truth.submit(fresh({ idempotency: key }));
  world.link.is = "away";
  const { job } = await world.store.submit(fresh({ idempotency: key }));
  expect(job.id).not.toBe(first.job.id);

  world.link.is = "up";
  await world.drained();
  const ended = await world.store.get(job.id, "local");
  expect(ended).toMatchObject({ status: "failed", error_code: "conflict", source: "file", remedy: expect.any(String) });
  expect(ended?.error).toContain(first.job.id);
  expect(await world.store.get(job.id, "other")).toBeUndefined();
});

test("a submission that the store refuses stays visible as a failed job with the reason, and holds up no other", async () => {
  await using world = await aSpooledStore();
  const key = { key: "k-1", body: "a" };
  await world.truth.submit(fresh({ idempotency: { ...key, body: "b" } }));
  world.link.is = "away";
  const { job } = await world.store.submit(fresh({ idempotency: key }));
  const { job: next } = await world.store.submit(fresh());
  world.link.is = "up";
  await world.drained();

  expect(await world.truth.get(next.id)).toMatchObject({ status: "queued" });
  expect(await world.store.get(job.id)).toMatchObject({
    status: "failed",
    error_code: "invalid_request",
    durability: "spooled",
  });
  expect(await world.store.get(job.id)).not.toHaveProperty("stale");
  const { jobs } = await world.store.list({ limit: 10, status: "failed" });
  expect(jobs.map(({ id }) => id)).toEqual([job.id]);
  const { events, next: more } = await world.store.events(job.id, {});
  expect(events).toMatchObject([{ type: "job.failed", data: { error_code: "invalid_request" } }]);
  expect(more).toBeUndefined();
  expect(await world.store.events(job.id, { after: events[0]?.id ?? "" })).toEqual({ events: [] });
  await expect(world.store.retry(job.id)).rejects.toMatchObject({ code: "conflict" });
  expect(await world.store.cancel(job.id, { name: "ada" })).toMatchObject({ status: "failed" });
});

test("a damaged file is set aside with an error in the log, and holds up no other", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh());
  await world.store[Symbol.asyncDispose]();
  const whole = readFileSync(join(world.dir, `${job.id}.json`), "utf8");
  const damaged = ["", "null", whole.slice(0, 60), "\u0000garbage", whole].map((text) => {
    const id = aJobId();
    writeFileSync(join(world.dir, `${id}.json`), text);
    return id;
  });
  mkdirSync(join(world.dir, `${aJobId()}.json`));
  writeFileSync(join(world.dir, `${aJobId()}.cancel`), "{");
  world.link.is = "up";

  world.another();
  await eventually(() => world.files().filter((name) => name.endsWith(".broken")).length === 7);
  expect((await world.truth.counts()).byStatus).toEqual({ queued: 1 });
  expect(world.files()).toHaveLength(7);
  expect(world.errors).toHaveLength(7);
  for (const id of damaged) expect(world.errors.join()).toContain(`${id}.json.broken`);
});

test("a spooled job that is cancelled is never submitted, and stays visible as cancelled", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh());
  const asked = await world.store.cancel(job.id, { name: "ada" });
  // The store may have taken it unseen: so far nobody can say that it is cancelled.
  expect(asked).toMatchObject({ status: "queued", cancel_requested_at: expect.any(String), durability: "spooled" });
  expect(await world.store.cancel(job.id, { name: "bob" })).toEqual(asked);

  world.link.is = "up";
  await world.drained();
  expect(await world.store.get(job.id)).toMatchObject({
    status: "cancelled",
    error_code: "cancelled",
    error: expect.stringContaining("ada"),
  });
  expect(await world.truth.get(job.id)).toBeUndefined();
  expect(await world.truth.claim(aClaim())).toBeUndefined();
  expect((await world.another().list({ limit: 5 })).jobs.map(({ status }) => status)).toEqual(["cancelled"]);
  const { events } = await world.store.events(job.id, {});
  expect(events).toMatchObject([{ type: "cancel.requested", data: { by: "ada" } }, { type: "job.cancelled" }]);
  expect((await world.store.events(job.id, { after: events[0]?.id ?? "" })).events).toEqual(events.slice(1));
  expect((await world.store.events(job.id, { after: events[1]?.id ?? "" })).events).toEqual([]);
});

test("a cancel holds for the same request in the spool of another box too", async () => {
  await using world = await aSpooledStore();
  const other = world.another(hasty, join(world.dir, "../other-box"));
  world.link.is = "away";
  const asked = fresh({ idempotency: { key: "k", body: "b" } });
  const { job } = await world.store.submit(asked);
  expect((await other.submit(asked)).job.id).toBe(job.id);
  await other[Symbol.asyncDispose]();
  expect(await world.store.cancel(job.id, { name: "ada" })).toMatchObject({ cancel_requested_at: expect.any(String) });
  world.link.is = "up";
  await world.drained();
  const back = world.another(hasty, join(world.dir, "../other-box"));
  await eventually(() => readdirSync(join(world.dir, "../other-box")).every((name) => !name.endsWith(".json")));

  expect(await back.get(job.id)).toMatchObject({ status: "cancelled", attempt: 0 });
  expect(await world.truth.claim(aClaim())).toBeUndefined();
  const types = (await back.events(job.id, {})).events.map(({ type }) => type);
  expect(types).toEqual(["job.queued", "cancel.requested", "job.cancelled"]);
});

test("a cancel that was kept while the job ended elsewhere changes nothing, and the log says so", async () => {
  await using world = await aSpooledStore();
  world.link.is = "deaf";
  const { job } = await world.store.submit(fresh());
  world.link.is = "away";
  const claim = await world.truth.claim(aClaim());
  if (claim) await world.truth.finish(claim.lease, { status: "succeeded", patch: {} });
  expect(await world.store.cancel(job.id, { name: "ada" })).toMatchObject({ stale: true, source: "file" });

  world.link.is = "up";
  await world.drained();
  expect(await world.store.get(job.id)).toMatchObject({ status: "succeeded" });
  expect(world.warnings).toContain(`a cancel came too late: the job had ended ${job.id}`);
});

test("a cancel of a spooled job whose submission had arrived unseen cancels it in the store", async () => {
  await using world = await aSpooledStore();
  world.link.is = "deaf";
  const { job } = await world.store.submit(fresh());
  const { job: running } = await world.store.submit(fresh({ job: { priority: 5 } }));
  const claim = await world.truth.claim(aClaim());
  expect(claim?.job.id).toBe(running.id);
  world.link.is = "away";
  for (const { id } of [job, running]) await world.store.cancel(id, { name: "ada" });

  world.link.is = "up";
  await world.drained();
  expect(await world.truth.get(job.id)).toMatchObject({ status: "cancelled" });
  expect(await world.truth.get(running.id)).toMatchObject({
    status: "running",
    cancel_requested_at: expect.any(String),
  });
});

test("a cancel that comes while the store is back and the job is not there yet ends it at once", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh());
  await world.store[Symbol.asyncDispose]();
  const slow = await world.anotherInVain();
  world.link.is = "up";

  expect(await slow.cancel(job.id, { name: "ada", tenant: "red" })).toBeUndefined();
  expect(await slow.cancel(job.id, { name: "ada" })).toMatchObject({ status: "cancelled" });
  expect(await world.truth.get(job.id)).toBeUndefined();
});

test("what is asked of a job that is still in the spool brings it to the store first", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh());
  await expect(world.store.addMessage(job.id, aMessage())).rejects.toMatchObject({ code: "store_unavailable" });
  await world.store[Symbol.asyncDispose]();
  const slow = await world.anotherInVain();
  world.link.is = "up";

  await slow.addMessage(job.id, aMessage({ text: "Mind the gap" }), "local");
  expect((await world.truth.claim(aClaim()))?.messages).toMatchObject([{ text: "Mind the gap" }]);
  await expect(slow.retry(job.id)).rejects.toMatchObject({ code: "conflict" });
});

test("a spooled job's events are read from their beginning once there are any, and whoever waits is woken", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh());
  const { events, next } = await world.store.events(job.id, {});
  expect([events, next]).toEqual([[], "spooled"]);
  const changed = world.store.changed({ job: job.id, timeoutMs: 60_000 });
  world.link.is = "up";
  await changed;
  await world.drained();
  expect((await world.store.events(job.id, { after: next ?? "" })).events).toMatchObject([{ type: "job.queued" }]);
});

test("a job whose queue time was over before the store was back is expired, and not submitted", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const late = await world.store.submit(aNewJob({ queueTtlSeconds: 60 }));
  const soon = await world.store.submit(fresh({ queueTtlSeconds: 60 }));
  world.link.is = "up";
  await world.drained();
  expect(await world.store.get(late.job.id)).toMatchObject({ status: "expired", error_code: "queue_expired" });
  expect(await world.truth.get(late.job.id)).toBeUndefined();
  expect(await world.truth.get(soon.job.id)).toMatchObject({ status: "queued" });
});

test("without a disk that takes it the store's own error stands", async () => {
  await using world = await aSpooledStore();
  mkdirSync(join(world.dir, ".."), { recursive: true });
  rmSync(world.dir, { recursive: true, force: true });
  writeFileSync(world.dir, "a file where the folder should be");
  world.link.is = "away";
  await expect(world.store.submit(fresh())).rejects.toMatchObject({ code: "store_unavailable" });
  expect(world.errors.join()).toContain("could not be spooled");
  world.link.is = "up";
  expect((await world.store.submit(fresh())).replayed).toBe(false);
});

test("a spooled job belongs to its tenant", async () => {
  await using world = await aSpooledStore();
  world.link.is = "away";
  const { job } = await world.store.submit(fresh({ tenant: "blue" }));
  await expect(world.store.get(job.id, "red")).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(world.store.cancel(job.id, { name: "eve", tenant: "red" })).rejects.toMatchObject({
    code: "store_unavailable",
  });
  expect(world.files()).toEqual([`${job.id}.json`]);
});

test("one process at a time has the lock of a spool, and it ends with its holder", async () => {
  await using world = await aSpooledStore();
  const path = join(world.dir, ".lock-2");
  const first = await takeSpoolLock(path);
  expect(first).toBeDefined();
  expect(await takeSpoolLock(path)).toBeUndefined();
  first?.[Symbol.dispose]();
  using second = await takeSpoolLock(path);
  expect(second).toBeDefined();
});

test("pages show spooled jobs among the store's, newest first and each once, whatever the limit", async () => {
  await using world = await aSpooledStore();
  const base = Date.now() - 60_000;
  const at = (n: number) => new Date(base + n).toISOString();
  const kept: JobId[] = [];
  for (const n of [1, 3, 4, 7, 8])
    kept.push((await world.truth.submit(aNewJob({ job: { created_at: at(n) } }))).job.id);
  world.link.is = "away";
  const spooled: JobId[] = [];
  for (const n of [0, 2, 5, 6, 9])
    spooled.push((await world.store.submit(aNewJob({ job: { created_at: at(n) } }))).job.id);
  const [s0, s2, s5, s6, s9] = spooled;
  const [k1, k3, k4, k7, k8] = kept;
  const all = [s9, k8, k7, s6, s5, k4, k3, s2, k1, s0];
  // Reads go past the line; submissions do not.
  const store = withSpool(
    {
      ...world.truth,
      submit: () => Promise.reject(new Error("stays there")),
      [Symbol.asyncDispose]: async () => undefined,
    },
    { dir: world.dir, clock: systemClock, log: silentLog, random: Math.random },
  );
  for (const limit of [1, 2, 3, 4, 7, 9, 10, 50]) {
    const seen: JobId[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list({ limit, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.jobs.length).toBeLessThanOrEqual(limit);
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(all);
  }
  for (const cursor of ["spool-", "spool-x~start", "spool-2026-03-01T12:00:00.000Z_../../etc~over"])
    await expect(store.list({ limit: 2, cursor })).rejects.toMatchObject({ code: "invalid_request" });
  await store[Symbol.asyncDispose]();
});
