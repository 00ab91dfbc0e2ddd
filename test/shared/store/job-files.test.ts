import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { AppError } from "../../../shared/error.ts";
import type { Job, JobId } from "../../../shared/job.ts";
import { type Log, silentLog } from "../../../shared/log.ts";
import { openCopies } from "../../../shared/store/job-files/copies.node.ts";
import { type JobCopy, openJobFolder } from "../../../shared/store/job-files/job-folder.node.ts";
import { withJobFiles } from "../../../shared/store/job-files.node.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aJob, aJobId, aNewJob } from "../../support/a-job.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const hour = 3_600_000;

/** A store with job files whose state behind them can be cut off. */
async function aFiledStore() {
  const world = await sqliteWorld();
  const dir = join(world.dir, "jobs");
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
  let isDown = false;
  const guarded = new Proxy(world.store, {
    get: (target, name: keyof JobStore) => {
      if (isDown && (name === "get" || name === "list"))
        return async () => {
          throw new AppError("store_unavailable", "The store is down.");
        };
      return target[name];
    },
  });
  // A spread would read the methods once: the wrapped one asks each time.
  const behind: JobStore = { ...world.store, get: (...a) => guarded.get(...a), list: (...a) => guarded.list(...a) };
  const store = withJobFiles(behind, { dir, clock: world.clock, log });
  const path = (id: JobId) => join(dir, `${id}.json`);
  return {
    ...world,
    store,
    dir,
    warnings,
    path,
    copy: (id: JobId): Record<string, unknown> => JSON.parse(readFileSync(path(id), "utf8")),
    /** Resolves when the copy fits. */
    copied: (id: JobId, facts: Record<string, unknown>) =>
      vi.waitFor(() => expect(JSON.parse(readFileSync(path(id), "utf8"))).toMatchObject(facts)),
    down: (is = true) => {
      isDown = is;
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}
const take = async (store: JobStore) => {
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  return claim.lease;
};

test("a job is copied when it is submitted and at each change of its state, for its owner's eyes", async () => {
  await using world = await aFiledStore();
  const { store, copied } = world;
  const { job } = await store.submit(aNewJob({ tenant: "blue" }));
  await copied(job.id, { id: job.id, status: "queued", tenant: "blue", as_of: "2026-03-01T12:00:00.000Z" });
  expect([world.dir, world.path(job.id)].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);

  world.clock.advance(1_000);
  const lease = await take(store);
  await copied(job.id, { status: "running", tenant: "blue", as_of: "2026-03-01T12:00:01.000Z" });
  await store.cancel(job.id, { name: "ada" });
  await copied(job.id, { status: "running", cancel_requested_at: expect.any(String) });
  await store.release(lease, { reason: "drained" });
  await copied(job.id, { status: "cancelled" });
  await store.retry(job.id);
  await copied(job.id, { status: "queued", tenant: "blue" });
  await store.finish(await take(store), { status: "succeeded", patch: { output: "done" } });
  await copied(job.id, { status: "succeeded", output: "done", tenant: "blue" });
  expect(world.copy(job.id)).not.toHaveProperty("queue_position");
  expect(readdirSync(world.dir)).toEqual([`${job.id}.json`]);
  expect(world.warnings).toEqual([]);
});

test("a job that only makes progress is copied every 5 s, as it is then", async () => {
  await using world = await aFiledStore();
  const { store } = world;
  const { job } = await store.submit(aNewJob());
  const lease = await take(store);
  await world.copied(job.id, { status: "running" });
  for (const cost_usd of [1, 2, 3]) await store.renew(lease, { leaseMs: hour, patch: { cost_usd } });
  await vi.waitFor(() => expect(world.clock.sleepers()).toBe(1));
  world.clock.advance(4_999);
  await store.renew(lease, { leaseMs: hour, patch: { cost_usd: 4 } });
  expect(world.copy(job.id)).not.toHaveProperty("cost_usd");

  world.clock.advance(1);
  await world.copied(job.id, { cost_usd: 4 });
});

test("what this process only reads of is copied too", async () => {
  await using world = await aFiledStore();
  const other = await world.another();
  const { job } = await world.store.submit(aNewJob());
  await world.copied(job.id, { status: "queued" });
  await other.finish(await take(other), { status: "failed", patch: {} });

  await world.store.list({ limit: 10 });
  await world.copied(job.id, { status: "failed" });
});

test("what waits to be written is written before the store is closed", async () => {
  await using world = await sqliteWorld();
  const dir = join(world.dir, "jobs");
  const store = withJobFiles(world.store, { dir, clock: world.clock, log: silentLog });
  const { job } = await store.submit(aNewJob());
  const lease = await take(store);
  await vi.waitFor(() => expect(existsSync(join(dir, `${job.id}.json`))).toBe(true));
  await store.renew(lease, { leaseMs: hour, patch: { cost_usd: 7 } });
  await store[Symbol.asyncDispose]();

  expect(JSON.parse(readFileSync(join(dir, `${job.id}.json`), "utf8"))).toMatchObject({ cost_usd: 7 });
});

test("a store that does not answer is answered for from the copies, which say so", async () => {
  await using world = await aFiledStore();
  const { store } = world;
  const live = await store.submit(aNewJob({ tenant: "blue", job: { priority: -1 } }));
  const done = await store.submit(aNewJob({ tenant: "blue" }));
  await store.finish(await take(store), { status: "succeeded", patch: { output: "done" } });
  await world.copied(live.job.id, { status: "queued" });
  await world.copied(done.job.id, { status: "succeeded" });
  world.down();

  expect(await store.get(done.job.id)).toMatchObject({ status: "succeeded", output: "done", source: "file" });
  expect(await store.get(done.job.id)).not.toHaveProperty("stale");
  const { queue_position, ...plain } = live.job;
  const copy = { ...plain, source: "file", as_of: "2026-03-01T12:00:00.000Z", stale: true };
  expect(await store.get(live.job.id, "blue")).toEqual(copy);
  const { jobs } = await store.list({ tenant: "blue", limit: 10 });
  expect(new Set(jobs.map((job) => job.id))).toEqual(new Set([live.job.id, done.job.id]));
  expect(jobs.every((job) => job.source === "file" && job.as_of !== undefined && !("output" in job))).toBe(true);
  expect((await store.list({ status: "queued", limit: 10 })).jobs).toEqual([copy]);
  world.down(false);
  expect(await store.get(live.job.id)).not.toHaveProperty("source");
});

test("copies keep to their tenant, and one without a known owner is shown to none", async () => {
  await using world = await aFiledStore();
  const { job } = await world.store.submit(aNewJob({ tenant: "blue" }));
  await world.copied(job.id, { tenant: "blue" });
  const stray = { ...aJob(), as_of: "2026-03-01T12:00:00.000Z" };
  writeFileSync(world.path(stray.id), JSON.stringify(stray));
  world.down();

  await expect(world.store.get(job.id, "red")).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(world.store.get(stray.id, "red")).rejects.toMatchObject({ code: "store_unavailable" });
  expect((await world.store.list({ tenant: "red", limit: 10 })).jobs).toEqual([]);
  expect((await world.store.list({ limit: 10 })).jobs).toHaveLength(2);
});

test("pages of copies are newest first and hold each once, and their cursors go on when the store is back", async () => {
  await using world = await aFiledStore();
  const ids: JobId[] = [];
  for (let n = 0; n < 5; n += 1) {
    const job = { created_at: new Date(Date.UTC(2026, 2, 1, 12, n)).toISOString() };
    ids.push((await world.store.submit(aNewJob({ job }))).job.id);
  }
  for (const id of ids) await world.copied(id, { status: "queued" });
  world.down();
  const first = await world.store.list({ limit: 2 });
  const second = await world.store.list({ limit: 2, cursor: first.next ?? "" });
  world.down(false);
  const third = await world.store.list({ limit: 2, cursor: second.next ?? "" });

  expect([first, second, third].flatMap((page) => page.jobs.map((job) => job.id))).toEqual(ids.toReversed());
  expect(third).not.toHaveProperty("next");
  for (const cursor of ["file-", "file-x", "file-2026-03-01T12:00:00.000Z_../../etc/passwd"])
    await expect(world.store.list({ limit: 2, cursor })).rejects.toMatchObject({ code: "invalid_request" });
});

test("a job without a copy, and a page of the store's own, are not answered for", async () => {
  await using world = await aFiledStore();
  for (let n = 0; n < 3; n += 1) await world.store.submit(aNewJob());
  const { next = "" } = await world.store.list({ limit: 1 });
  world.down();

  await expect(world.store.get(aJobId())).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(world.store.list({ limit: 1, cursor: next })).rejects.toMatchObject({ code: "store_unavailable" });
});

test("broken, half-written, foreign and misnamed files break nothing", async () => {
  await using world = await aFiledStore();
  const { job } = await world.store.submit(aNewJob());
  await world.copied(job.id, { status: "queued" });
  const whole = readFileSync(world.path(job.id), "utf8");
  const wrong: Record<string, string> = {
    [`${aJobId()}.json`]: whole.slice(0, 40),
    [`${aJobId()}.json`]: "",
    [`${aJobId()}.json`]: "null",
    [`${aJobId()}.json`]: "\u0000\u0001garbage",
    [`${aJobId()}.json`]: whole,
    [`${aJobId()}.json`]: JSON.stringify({ ...job, status: "flying" }),
    "notes.json": whole,
    README: "x",
    [`.${job.id}.json`]: whole,
  };
  for (const [name, text] of Object.entries(wrong)) writeFileSync(join(world.dir, name), text);
  mkdirSync(join(world.dir, `${aJobId()}.json`));
  world.down();

  expect((await world.store.list({ limit: 10 })).jobs.map(({ id }) => id)).toEqual([job.id]);
  for (const name of Object.keys(wrong)) {
    const id = name.replace(".json", "") as JobId;
    await expect(world.store.get(id)).rejects.toMatchObject({ code: "store_unavailable" });
  }
});

test("W-73: only a UUID becomes part of a path", async () => {
  await using world = await aFiledStore();
  const outside = join(world.dir, "..", "outside.json");
  mkdirSync(world.dir, { recursive: true });
  writeFileSync(outside, JSON.stringify({ ...aJob(), id: "../outside", as_of: "2026-03-01T12:00:00.000Z" }));
  world.down();

  for (const id of ["../outside", "../../etc/passwd", "..", "", "%2e%2e", `${aJobId()}/../x`])
    await expect(world.store.get(id as JobId)).rejects.toMatchObject({ code: "store_unavailable" });
});

test("a folder that cannot be written costs a warning, never a job", async () => {
  await using world = await aFiledStore();
  writeFileSync(world.dir, "a file where the folder should be");
  const { job } = await world.store.submit(aNewJob());

  await vi.waitFor(() => expect(world.warnings).toHaveLength(1));
  expect(await world.store.get(job.id)).toMatchObject({ status: "queued" });
  expect((await world.store.list({ limit: 1 })).jobs).toHaveLength(1);
});

test("a busy process writes its copies once it has time, or 5 s later, and what has changed meanwhile once", async () => {
  await using world = await aFiledStore();
  const { clock } = world;
  let isBusy = true;
  const folder = openJobFolder(world.dir);
  const writes: string[] = [];
  const writeNow = (copy: JobCopy) => {
    folder.writeNow(copy);
    writes.push(copy.status);
  };
  const copies = openCopies({
    ...{ folder: { ...folder, writeNow }, clock, log: silentLog, read: async () => undefined },
    isBusy: () => isBusy,
  });
  const slept = () => vi.waitFor(() => expect(clock.sleepers()).toBe(1));
  const [first, second] = [aJob(), aJob()];
  copies.changed(first);
  await slept();
  copies.changed({ ...first, status: "running" });
  clock.advance(4_999);
  await slept();
  expect(writes).toEqual([]);
  clock.advance(100);
  await vi.waitFor(() => expect(writes).toEqual(["running"]));

  copies.changed(second);
  await slept();
  isBusy = false;
  clock.advance(100);
  await vi.waitFor(() => expect(writes).toEqual(["running", "queued"]));
});

test("of more than 1,000 that wait the job is read when it is written, and again later where the store is away then", async () => {
  await using world = await aFiledStore();
  const { clock, warnings } = world;
  let isBusy = true;
  let isAway = false;
  const reads: JobId[] = [];
  const jobs = Array.from({ length: 1_062 }, () => aJob());
  const last = jobs.at(-1) as Job;
  const copies = openCopies({
    ...{ folder: openJobFolder(world.dir), clock, log: { ...silentLog, warn: (said) => void warnings.push(said) } },
    read: async (id) => {
      reads.push(id);
      if (isAway) throw new AppError("store_unavailable", "The store is down.");
      return { ...(jobs.find((job) => job.id === id) as Job), status: "running" };
    },
    isBusy: () => isBusy,
  });
  for (const job of jobs) copies.changed(job);
  copies.read(last);
  copies.stirred(last.id);
  await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
  isAway = true;
  isBusy = false;
  const untilRead = (times: number) =>
    vi.waitFor(() => {
      clock.advance(100);
      expect(reads.length).toBe(times);
    });
  await untilRead(50);
  isAway = false;
  clock.advance(4_000);
  await untilRead(112);
  await world.copied(last.id, { status: "running" });
  expect(jobs.slice(0, 1_000).map(({ id }) => world.copy(id)["status"])).toEqual(Array(1_000).fill("queued"));
  expect(new Set(reads)).toEqual(new Set(jobs.slice(1_000).map(({ id }) => id)));
  expect(warnings).toEqual([]);
});

test("at the end nobody waits for a store that is away, and the log says how many copies are missing", async () => {
  await using world = await aFiledStore();
  const said: unknown[] = [];
  const copies = openCopies({
    ...{ folder: openJobFolder(world.dir), clock: world.clock, isBusy: () => true },
    log: { ...silentLog, warn: (_, facts) => void said.push(facts?.["jobs"]) },
    read: async () => {
      throw new AppError("store_unavailable", "The store is down.");
    },
  });
  const jobs = Array.from({ length: 1_003 }, () => aJob());
  for (const job of jobs) copies.changed(job);
  await copies.flush();
  expect(jobs.filter(({ id }) => existsSync(world.path(id)))).toHaveLength(1_000);
  expect(said).toEqual([3]);
});

test("a disk that is slow is written to by other threads, and asked again after a minute", async () => {
  await using world = await aFiledStore();
  const { clock } = world;
  const folder = openJobFolder(world.dir);
  const ways: string[] = [];
  const watched = {
    ...folder,
    writeNow: (copy: JobCopy) => {
      ways.push("here");
      folder.writeNow(copy);
      clock.advance(21);
    },
    write: (copy: JobCopy) => folder.write(copy).then(() => void ways.push("elsewhere")),
  };
  const copies = openCopies({ folder: watched, clock, log: silentLog, read: async () => undefined });
  for (const waitMs of [0, 0, 0, 60_000]) {
    clock.advance(waitMs);
    const job = aJob();
    copies.changed(job);
    await copies.flush();
    expect(world.copy(job.id)).toMatchObject({ id: job.id, status: "queued" });
  }
  expect(ways).toEqual(["here", "here", "elsewhere", "here"]);
});

test("a pipe in the place of a copy is waited for by nobody", async () => {
  await using world = await aFiledStore();
  const { job } = await world.store.submit(aNewJob());
  await world.copied(job.id, { status: "queued" });
  rmSync(world.path(job.id));
  execFileSync("sh", ["-c", 'mkfifo "$0"', world.path(job.id)]);
  world.down();
  await expect(world.store.get(job.id)).rejects.toMatchObject({ code: "store_unavailable" });
  expect((await world.store.list({ limit: 10 })).jobs).toEqual([]);

  world.down(false);
  await world.store.cancel(job.id, { name: "ada" });
  await vi.waitFor(() => expect(lstatSync(world.path(job.id)).isFile()).toBe(true));
  await world.copied(job.id, { status: "cancelled" });
});

test("what another process of the box has seen later is kept, unless its clock was wrong", async () => {
  await using world = await aFiledStore();
  const { clock } = world;
  const job = aJob();
  const theirs = (as_of: string) => {
    mkdirSync(world.dir, { recursive: true });
    writeFileSync(world.path(job.id), JSON.stringify({ ...job, status: "succeeded", as_of }));
  };
  const read = async () => {
    clock.advance(1_000);
    theirs(new Date(clock.now() + clockError).toISOString());
    return { ...job, status: "running" } as const;
  };
  const copies = openCopies({ folder: openJobFolder(world.dir), clock, log: silentLog, read });
  let clockError = 0;
  copies.stirred(job.id);
  await copies.flush();
  expect(world.copy(job.id)).toMatchObject({ status: "succeeded" });

  clockError = hour;
  copies.stirred(job.id);
  await copies.flush();
  expect(world.copy(job.id)).toMatchObject({ status: "running" });
});

test("copies go 24 h after their job's TTL, those of live jobs only when the store has forgotten the job", async () => {
  await using world = await aFiledStore();
  const { store, clock } = world;
  const ended = await store.submit(aNewJob({ job: { ttl_seconds: 3_600 } }));
  await store.finish(await take(store), { status: "succeeded", patch: {} });
  const live = await store.submit(aNewJob({ job: { ttl_seconds: 3_600 }, queueTtlSeconds: 1e9 }));
  await world.copied(live.job.id, { status: "queued" });
  const forgotten = { ...aJob({ ttl_seconds: 3_600 }), as_of: "2026-03-01T12:00:00.000Z" };
  writeFileSync(world.path(forgotten.id), JSON.stringify(forgotten));
  const left = join(world.dir, `.${ended.job.id}.0000.tmp`);
  writeFileSync(left, "half");
  utimesSync(left, 1, 1);
  const names = () => [ended.job.id, live.job.id, forgotten.id].filter((id) => existsSync(world.path(id)));

  clock.advance(25 * hour - 1_000);
  await store.sweep();
  expect(names()).toHaveLength(3);
  expect(existsSync(left)).toBe(false);
  clock.advance(hour);
  await store.sweep();
  expect(names()).toEqual([live.job.id]);
});
