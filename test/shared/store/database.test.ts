import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../../shared/store/sqlite/database.node.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

async function small() {
  const world = await sqliteWorld();
  const db = await openDatabase(join(world.dir, "small.db"), { clock: world.clock, random: Math.random });
  const add = db.prepare("INSERT INTO docs VALUES (:seq, :job, '')");
  const count = db.prepare<{ n: number }>("SELECT count(*) AS n FROM docs");
  const limit = (pages: number) => db.prepare(`PRAGMA max_page_count = ${pages}`).find();
  return {
    db,
    add: (seq: number, bytes: number) => add.run({ seq, job: "x".repeat(bytes) }),
    rows: () => db.read(() => count.find()?.n),
    limit,
    [Symbol.asyncDispose]: async () => {
      db.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("a full disk undoes the step, is named, and is over when there is room again", async () => {
  await using world = await small();
  await world.db.write(() => world.add(1, 10));
  world.limit(50);

  const step = world.db.write(() => {
    world.add(2, 10);
    world.add(3, 1_000_000);
  });
  await expect(step).rejects.toMatchObject({ code: "disk_full", remedy: expect.stringContaining("Free space") });
  expect(await world.rows()).toBe(1);
  world.limit(5_000);
  expect(await world.db.write(() => world.add(3, 1_000_000))).toEqual({ answer: 1, changed: true });
  expect(await world.rows()).toBe(2);
});

test("a step that throws changes nothing, and one that only looks is no change", async () => {
  await using world = await small();
  const step = world.db.write(() => {
    world.add(1, 10);
    throw new Error("stop");
  });
  await expect(step).rejects.toThrow("stop");
  expect(await world.rows()).toBe(0);
  expect(await world.db.write(() => 7)).toEqual({ answer: 7, changed: false });
});
