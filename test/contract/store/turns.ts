import { expect, test } from "vitest";
import type { TurnRequest } from "../../../shared/turn.ts";
import { minute, type OpenWorld, type StoreWorld } from "./store-world.ts";

const ofFive: TurnRequest = { subject: "ak_1", limit: 5, windowMs: minute };
/** How many of `count` turns, one after the other, are given. */
async function given({ store }: StoreWorld, count: number, request = ofFive): Promise<number> {
  let sum = 0;
  for (let n = 0; n < count; n += 1) if ((await store.takeTurn(request)).allowed) sum += 1;
  return sum;
}

export function turnsContract(open: OpenWorld): void {
  test("there are as many turns as the limit says, over all connections, each subject has its own, and each is told what is left", async () => {
    await using world = await open();
    const other = await world.another();
    const left: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { allowed, remaining, resetMs } = await (n % 2 ? other : world.store).takeTurn(ofFive);
      expect([allowed, resetMs > 0, resetMs <= minute]).toEqual([true, true, true]);
      left.push(remaining);
    }

    expect(left).toEqual([4, 3, 2, 1, 0]);
    for (const store of [world.store, other])
      expect(await store.takeTurn(ofFive)).toMatchObject({ allowed: false, remaining: 0 });
    expect(await given(world, 1, { ...ofFive, subject: "ak_2" })).toBe(1);
  });

  test("of 60 who want one at once exactly as many get one as there are", async () => {
    await using world = await open();
    const other = await world.another();
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 ? other : world.store).takeTurn({ ...ofFive, limit: 20 })),
    );

    expect(all.filter(({ allowed }) => allowed)).toHaveLength(20);
  });

  test("who is refused is told when the next turn is free, and has it then and no sooner", async () => {
    await using world = await open();
    for (const [limit, before] of [
      [5, 17_000],
      [1, 59_999],
      [7, 3],
    ] as const) {
      const request = { ...ofFive, limit, subject: `of ${limit}` };
      await world.advance(before);
      expect(await given(world, limit + 3, request)).toBe(limit);
      for (let round = 0; round < limit; round += 1) {
        const { allowed, resetMs } = await world.store.takeTurn(request);
        expect([allowed, resetMs > 0]).toEqual([false, true]);
        await world.advance(resetMs - 1);
        expect((await world.store.takeTurn(request)).allowed).toBe(false);
        await world.advance(1);
        expect((await world.store.takeTurn(request)).allowed).toBe(true);
      }
    }
  });

  test("the window slides: around the border of two there are not two limits' worth", async () => {
    await using world = await open();
    const request = { ...ofFive, limit: 100 };
    const { resetMs } = await world.store.takeTurn({ ...request, subject: "a clock" });
    await world.advance(resetMs + minute - 1);
    expect(await given(world, 110, request)).toBe(100);
    await world.advance(1);
    expect(await given(world, 10, request)).toBe(0);
    await world.advance(minute / 2);
    expect(await given(world, 110, request)).toBe(50);
    await world.advance(minute / 4);
    expect(await given(world, 110, request)).toBe(25);
  });

  test("what was long ago counts no more, and is not kept", async () => {
    await using world = await open();
    expect(await given(world, 9)).toBe(5);
    await world.advance(2 * minute);
    await world.store.sweep();

    expect(await given(world, 9)).toBe(5);
  });

  test("a limit that was changed counts what was taken under the other", async () => {
    await using world = await open();
    expect(await given(world, 9)).toBe(5);

    expect(await given(world, 9, { ...ofFive, limit: 7 })).toBe(2);
    expect(await given(world, 9, { ...ofFive, limit: 3 })).toBe(0);
  });
}
