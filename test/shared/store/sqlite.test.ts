import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test, vi } from "vitest";
import { schemaVersion } from "../../../shared/store/sqlite/schema.ts";
import { openSqliteStore } from "../../../shared/store/sqlite.node.ts";
import { aClaim, aMessage, aNewJob, aRunner } from "../../support/a-job.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const lease = 360_000;
const hour = 3_600_000;
const year = 365 * 24 * hour;

test("the database, its log and its folder are its owner's alone, and a store that was open to others is closed to them", async () => {
  await using world = await sqliteWorld();
  const path = join(world.dir, "data/a.db");
  await using store = await openSqliteStore({ path, clock: world.clock, bootId: "boot" });
  await store.submit(aNewJob());
  chmodSync(path, 0o644);
  await using again = await openSqliteStore({ path, clock: world.clock, bootId: "boot" });
  await again.ping();

  const modes = ["data", "data/a.db", "data/a.db-wal", "data/a.db-shm"].map(
    (name) => statSync(join(world.dir, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
});

test("a lease of another boot has run out, whatever the uptime says", async () => {
  await using world = await sqliteWorld();
  const { job } = await world.store.submit(aNewJob());
  await world.store.claim(aClaim());

  await using rebooted = await openSqliteStore({ path: world.path, clock: world.clock, bootId: "next boot" });

  expect(await rebooted.sweep()).toEqual([job.id]);
  expect(await rebooted.get(job.id)).toMatchObject({ status: "queued", attempts: [{ reason: "lease_lost" }] });
});

test.each([
  ["forward", year],
  ["back", -year],
])("a wall clock that jumps %s by a year moves no lease, delay, queue time or TTL", async (_, jump) => {
  await using world = await sqliteWorld();
  const { store, clock } = world;
  const ended = await store.submit(aNewJob({ job: { ttl_seconds: 3_600, priority: 9 } }));
  const over = await store.claim(aClaim());
  if (over) await store.finish(over.lease, { status: "succeeded", patch: {} });
  const delayed = await store.submit(aNewJob({ job: { priority: 5 } }));
  const held = await store.claim(aClaim());
  if (held) await store.release(held.lease, { reason: "waiting", delayMs: hour });
  const running = await store.submit(aNewJob({ job: { priority: 4 } }));
  await store.claim(aClaim({ leaseMs: lease }));
  const queued = await store.submit(aNewJob({ queueTtlSeconds: 3_600, job: { priority: -5 } }));
  await store.announce(aRunner());
  const all = [ended, delayed, running, queued].map(({ job }) => job.id);
  const states = () => Promise.all(all.map(async (id) => (await store.get(id))?.status));
  const before = await states();
  clock.jump(jump);

  expect(await store.sweep()).toEqual([]);
  expect(await states()).toEqual(before);
  expect(await store.runners()).toHaveLength(1);
  expect((await store.claim(aClaim()))?.job.id).toBe(queued.job.id);
  clock.advance(hour);
  expect(new Set(await store.sweep())).toEqual(new Set([ended.job.id, running.job.id, queued.job.id]));
  expect((await store.claim(aClaim()))?.job.id).toBe(delayed.job.id);
});

test("delays, queue times and TTLs go on over a reboot, by the time that the box was off", async () => {
  await using world = await sqliteWorld();
  const { store, clock } = world;
  const { job } = await store.submit(aNewJob({ queueTtlSeconds: 7_200 }));
  clock.advance(hour);
  await store.submit(aNewJob({ job: { pool: "other" } }));
  // Half an hour off; uptime begins anew.
  const now = clock.now() + hour / 2;
  const after = { ...clock, now: () => now + later, uptime: () => 5_000 + later };
  let later = 0;
  await using rebooted = await openSqliteStore({ path: world.path, clock: after, bootId: "next boot" });

  later = hour / 2 - 1_000;
  expect(await rebooted.sweep()).toEqual([]);
  later += 1_000;
  expect(await rebooted.sweep()).toEqual([job.id]);
});

test("a box that cannot name its boots is known to have booted by its uptime", async () => {
  await using world = await sqliteWorld();
  const { job } = await world.store.submit(aNewJob());
  await world.store.claim(aClaim({ leaseMs: hour }));
  const now = world.clock.now() + 2 * hour;
  const after = { ...world.clock, now: () => now, uptime: () => 5_000 };
  await using rebooted = await openSqliteStore({ path: world.path, clock: after, bootId: "boot" });

  expect(await rebooted.sweep()).toEqual([job.id]);
});

test("a clock that was set back while the box was off makes no time go back", async () => {
  await using world = await sqliteWorld();
  const { job } = await world.store.submit(aNewJob({ queueTtlSeconds: 60 }));
  let up = 5_000;
  const after = { ...world.clock, now: () => 0, uptime: () => up };
  await using rebooted = await openSqliteStore({ path: world.path, clock: after, bootId: "next boot" });
  up += 60_000;

  expect(await rebooted.sweep()).toEqual([job.id]);
});

test("an idle runner's claims write nothing, so that two of them do not wake each other for ever", async () => {
  await using world = await sqliteWorld();
  const other = await world.another();
  await world.store.submit(aNewJob({ job: { pool: "gpu" } }));
  using watcher = new DatabaseSync(world.path);
  const version = () => watcher.prepare("PRAGMA data_version").get();
  const before = version();
  for (const store of [world.store, other]) {
    world.clock.advance(5_000);
    await store.claim(aClaim());
    await store.sweep();
    await store.get((await store.list({ limit: 1 })).jobs[0]?.id ?? aNewJob().job.id);
  }

  expect(version()).toEqual(before);
});

test("nothing is asked of the file while nobody waits, and one loop asks for all who do", async () => {
  await using world = await sqliteWorld();
  expect(world.clock.sleepers()).toBe(0);
  const stop = new AbortController();
  const waits = Array.from({ length: 20 }, () => world.store.changed({ timeoutMs: hour, signal: stop.signal }));
  // Twenty ends of waiting, and one poll.
  expect(world.clock.sleepers()).toBe(21);
  stop.abort();
  await Promise.all(waits);
  world.clock.advance(200);
  await vi.waitFor(() => expect(world.clock.sleepers()).toBe(0));
});

test("every statement finds its rows by an index, so that a hundred thousand ended jobs slow nothing down", async () => {
  using prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  await using world = await sqliteWorld({ repoLimit: 2, poolLimits: { big: 1 } });
  const { store } = world;
  for (const filter of [{}, { status: "queued" }, { tenant: "t" }, { repo_url: "u" }, { profile: "p" }] as const)
    await store.list({ limit: 1, ...filter });
  const texts = [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) =>
    /^\s*(SELECT|UPDATE|DELETE)/.test(sql),
  );
  using db = new DatabaseSync(world.path);
  const plans = texts.map((sql) => ({
    sql,
    steps: db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row["detail"])),
  }));

  expect(plans.length).toBeGreaterThan(30);
  const scans = plans.flatMap(({ sql, steps }) =>
    steps.filter((step) => /^SCAN/.test(step)).map((step) => [step, sql]),
  );
  const unexpected = scans.filter(
    ([step, sql]) =>
      // Small tables, the end of a list, and counts for the metrics, which read an index only.
      !/clock|locks|places|sqlite_|runners|sessions|api_keys|relays|notified|CONSTANT/.test(step ?? "") &&
      !/GROUP BY (status|pool)|count\(\*\) AS n FROM notices/.test(sql ?? ""),
  );
  expect(unexpected).toEqual([]);
});

test("a damaged file is refused with what to do, at opening and in use", async () => {
  await using world = await sqliteWorld();
  const path = join(world.dir, "bad.db");
  writeFileSync(path, "This is no database, but it is long enough to look like a file that was one.".repeat(100));
  const options = { path, clock: world.clock, bootId: "boot" };
  await expect(openSqliteStore(options)).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("bad.db"),
    remedy: expect.stringContaining("move the file"),
  });

  const good = join(world.dir, "good.db");
  const store = await openSqliteStore({ ...options, path: good });
  for (let n = 0; n < 50; n += 1) await store.submit(aNewJob({ job: { task: "x".repeat(5_000) } }));
  await store[Symbol.asyncDispose]();
  const bytes = readFileSync(good);
  bytes.fill(0x5a, 8_192);
  writeFileSync(good, bytes);
  const reopened = openSqliteStore({ ...options, path: good }).then(async (damaged) => {
    await using it = damaged;
    for (const { id } of (await it.list({ limit: 100 })).jobs) await it.get(id);
  });
  await expect(reopened).rejects.toMatchObject({ code: "store_unavailable" });
});

test("a store of a newer version, or another program's database, is left as it is", async () => {
  await using world = await sqliteWorld();
  const [newer, foreign] = [join(world.dir, "newer.db"), join(world.dir, "foreign.db")];
  for (const [path, sql] of [
    [newer, "CREATE TABLE jobs (id); PRAGMA user_version = 99"],
    [foreign, "CREATE TABLE songs (title)"],
  ] as const) {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  }
  const before = [newer, foreign].map((path) => readFileSync(path));

  const open = (path: string) => openSqliteStore({ path, clock: world.clock, bootId: "boot" });
  await expect(open(newer)).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringMatching(new RegExp(`newer.*99.*${schemaVersion}\\)`)),
  });
  await expect(open(foreign)).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("not one of"),
  });
  expect([newer, foreign].map((path) => readFileSync(path))).toEqual(before);
});

test("a folder that cannot be used is refused with what to do", async () => {
  await using world = await sqliteWorld();
  writeFileSync(join(world.dir, "file"), "");
  mkdirSync(join(world.dir, "folder.db"));

  for (const path of ["file/a.db", "folder.db"]) {
    const open = openSqliteStore({ path: join(world.dir, path), clock: world.clock, bootId: "boot" });
    await expect(open).rejects.toMatchObject({
      code: "store_unavailable",
      remedy: expect.stringContaining("AGENTICORE_DATA_DIR"),
    });
  }
});

test("a writer waits for another's lock without stopping anything else, and gives up with a reason", async () => {
  await using world = await sqliteWorld();
  const { store, clock } = world;
  const { job } = await store.submit(aNewJob());
  using blocker = new DatabaseSync(world.path);
  blocker.exec("BEGIN IMMEDIATE");

  const waits = store.addMessage(job.id, aMessage());
  await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
  expect(await store.get(job.id)).toMatchObject({ status: "queued" });
  blocker.exec("ROLLBACK");
  clock.advance(100);
  expect(await waits).toMatchObject({ id: job.id });

  blocker.exec("BEGIN IMMEDIATE");
  const fails = expect(store.addMessage(job.id, aMessage())).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("locked"),
  });
  await vi.waitFor(() => expect(clock.sleepers()).toBe(1));
  clock.advance(10_000);
  await fails;
  blocker.exec("ROLLBACK");
  expect(await store.cancel(job.id, { name: "ada" })).toMatchObject({ status: "cancelled" });
});

test("a closed store says so", async () => {
  await using world = await sqliteWorld();
  await world.store[Symbol.asyncDispose]();
  await expect(world.store.ping()).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(world.store.submit(aNewJob())).rejects.toMatchObject({ code: "store_unavailable" });
});
