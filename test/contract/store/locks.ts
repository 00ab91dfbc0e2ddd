import { expect, test } from "vitest";
import { minute, type OpenWorld } from "./store-world.ts";

const name = "clone:65d106e13935";
const ours = { name, owner: "a", ttlMs: minute } as const;
const theirs = { name, owner: "b", ttlMs: minute } as const;

export function locksContract(open: OpenWorld): void {
  test("a lock has one owner, over all connections, and locks of other names are free", async () => {
    await using world = await open();
    const other = await world.another();

    expect(await world.store.takeLock(ours)).toBe(true);
    expect(await other.takeLock(theirs)).toBe(false);
    expect(await other.takeLock({ ...theirs, name: "clone:0" })).toBe(true);
  });

  test("of 50 who want it at once exactly one gets it", async () => {
    await using world = await open();
    const other = await world.another();
    const taken = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? other : world.store).takeLock({ ...ours, owner: `${n}` })),
    );

    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  test("its owner extends it, for the whole time again", async () => {
    await using world = await open();
    const { store } = world;
    await store.takeLock(ours);
    await world.advance(minute - 1_000);
    expect(await store.takeLock(ours)).toBe(true);
    await world.advance(minute - 1_000);

    expect(await store.takeLock(theirs)).toBe(false);
  });

  test("what was taken for less time than it had left ends then", async () => {
    await using world = await open();
    const { store } = world;
    await store.takeLock(ours);
    expect(await store.takeLock({ ...ours, ttlMs: 5_000 })).toBe(true);
    await world.advance(5_000);

    expect(await store.takeLock(theirs)).toBe(true);
  });

  test("it ends by itself, and then who had it has it no more", async () => {
    await using world = await open();
    const { store } = world;
    await store.takeLock(ours);
    await world.advance(minute - 1_000);
    expect(await store.takeLock(theirs)).toBe(false);
    await world.advance(1_000);

    expect(await store.takeLock(theirs)).toBe(true);
    expect(await store.takeLock(ours)).toBe(false);
  });

  test("a lock that ended and that nobody took is its owner's again when it asks", async () => {
    await using world = await open();
    const { store } = world;
    await store.takeLock(ours);
    await world.advance(10 * minute);

    expect(await store.takeLock(ours)).toBe(true);
    expect(await store.takeLock(theirs)).toBe(false);
  });

  test("W-20: only its owner gives it back, and then it is free at once", async () => {
    await using world = await open();
    const other = await world.another();
    const { store } = world;
    await store.takeLock(ours);
    await other.dropLock(theirs);
    expect(await other.takeLock(theirs)).toBe(false);
    await store.dropLock(ours);
    await store.dropLock(ours);

    expect(await other.takeLock(theirs)).toBe(true);
    await store.dropLock(ours);
    expect(await store.takeLock(ours)).toBe(false);
  });
}
