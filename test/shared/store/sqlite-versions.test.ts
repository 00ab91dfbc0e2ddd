import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { JobId } from "../../../shared/job.ts";
import { schemaVersion } from "../../../shared/store/sqlite/schema.ts";
import { openSqliteStore } from "../../../shared/store/sqlite.node.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const idOf = (n: number) => "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa".replaceAll("a", `${n}`) as JobId;
const [ended, running, queued] = [idOf(1), idOf(2), idOf(3)];
const held = { job: running, runner: "box-1/a1", fence: 1 };
const dump = readFileSync(join(import.meta.dirname, "../../fixtures/stores/version-1.sql"), "utf8");

/** A file as version 1 left it: a job that ended, one that runs with a message, one that waits, and their runner. */
async function anOldFile() {
  const world = await sqliteWorld();
  const path = join(world.dir, "old.db");
  using db = new DatabaseSync(path);
  db.exec(dump);
  const open = () =>
    openSqliteStore({ path, clock: world.clock, bootId: "boot", limits: { poolLimits: { default: 2 } } });
  return { path, open, clock: world.clock, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

test("a file of version 1 is brought up with all that is in it, and goes on where it was", async () => {
  await using old = await anOldFile();
  await using store = await old.open();

  expect(await store.get(ended)).toMatchObject({ status: "succeeded", output: "done" });
  const again = aNewJob({ idempotency: { key: "order-1", body: "digest" } });
  expect(await store.submit(again)).toMatchObject({ replayed: true, job: { id: ended } });
  expect(await store.runners()).toMatchObject([{ id: "box-1/a1" }]);
  const said = { type: "claude.said", data: { text: "more" } } as const;
  for (let n = 0; n < 2; n += 1)
    expect(await store.renew(held, { leaseMs: 60_000, firstEvent: 0, events: [said] })).toMatchObject({
      messages: [{ text: "And more" }],
    });
  const { events } = await store.events(running, {});
  expect(events.flatMap(({ data }) => data["text"] ?? [])).toEqual(["so far", "more"]);
  expect((await store.claim(aClaim()))?.job.id).toBe(queued);
  expect(await store.takeLock({ name: "clone:1", owner: "a", ttlMs: 1_000 })).toBe(true);
  await store.finish(held, { status: "failed", patch: {} });
  expect(await store.counts()).toMatchObject({ byStatus: { succeeded: 1, failed: 1, running: 1 } });
});

test("a file that was brought up has the tables of a new one", async () => {
  await using old = await anOldFile();
  await using fresh = await sqliteWorld();
  await (await old.open())[Symbol.asyncDispose]();
  const shape = (path: string) => {
    using db = new DatabaseSync(path);
    const all = db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();
    return { version: db.prepare("PRAGMA user_version").get(), all };
  };

  expect(shape(old.path)).toEqual(shape(fresh.path));
  expect(shape(old.path).version).toEqual({ user_version: schemaVersion });
});

test("processes that bring one file up at once do it once", async () => {
  await using old = await anOldFile();
  const stores = await Promise.all([old.open(), old.open(), old.open()]);

  for (const store of stores) expect(await store.get(queued)).toMatchObject({ status: "queued" });
  for (const store of stores) await store[Symbol.asyncDispose]();
});
