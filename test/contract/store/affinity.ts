import { expect, test } from "vitest";
import type { JobId } from "../../../shared/job.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim } from "../../support/a-job.ts";
import { seeded } from "../../support/random.ts";
import { type OpenWorld, queue, take } from "./store-world.ts";

const [cold, warm, other] = ["https://h/cold", "https://h/warm", "https://h/other"] as const;

/** Jobs in this order, one for each repository key. */
async function inRow(store: JobStore, keys: readonly (string | undefined)[]): Promise<JobId[]> {
  const ids: JobId[] = [];
  for (const repoKey of keys) ids.push(await queue(store, repoKey === undefined ? {} : { repoKey }));
  return ids;
}
const takeWarm = async (store: JobStore, ...keys: readonly string[]): Promise<JobId> =>
  (await take(store, { warm: keys })).job.id;

export function affinityContract(open: OpenWorld): void {
  test("among equals a job of a repository that the runner has warm comes first, the oldest of them; then age", async () => {
    await using world = await open();
    const { store } = world;
    const [first, second, third, fourth] = await inRow(store, [cold, undefined, warm, warm]);

    const order = [];
    for (let n = 0; n < 4; n += 1) order.push(await takeWarm(store, other, warm));
    expect(order).toEqual([third, fourth, first, second]);
  });

  test("without a warm repository age decides, and so it does for another runner", async () => {
    await using world = await open();
    const { store } = world;
    const [first, second] = await inRow(store, [cold, warm]);

    expect((await take(store, { warm: [] })).job.id).toBe(first);
    expect((await take(store)).job.id).toBe(second);
  });

  test("where the best job's own repository is warm, no other passes it", async () => {
    await using world = await open();
    const [first] = await inRow(world.store, [warm, other]);

    expect(await takeWarm(world.store, other, warm)).toBe(first);
  });

  test("a warm repository never goes before a higher priority", async () => {
    await using world = await open();
    const { store } = world;
    const low = await queue(store, { repoKey: warm, job: { priority: -1 } });
    const high = await queue(store, { repoKey: cold, job: { priority: 1 } });
    const highWarm = await queue(store, { repoKey: warm, job: { priority: 1 } });
    const plain = await queue(store, { repoKey: cold });

    const order = [];
    for (let n = 0; n < 4; n += 1) order.push(await takeWarm(store, warm));
    expect(order).toEqual([highWarm, high, plain, low]);
  });

  test("nobody is passed any more once it has waited for 10 s", async () => {
    await using world = await open();
    const { store } = world;
    const [first] = await inRow(store, [cold]);
    await world.advance(9_000);
    const [second, third] = await inRow(store, [warm, warm]);

    expect(await takeWarm(store, warm)).toBe(second);
    await world.advance(1_000);
    expect(await takeWarm(store, warm)).toBe(first);
    expect(await takeWarm(store, warm)).toBe(third);
  });

  test("a warm job is looked for among the first eight only", async () => {
    await using world = await open();
    const { store } = world;
    const ids = await inRow(store, [...Array.from({ length: 8 }, () => cold), warm]);

    expect(await takeWarm(store, warm)).toBe(ids[0]);
    expect(await takeWarm(store, warm)).toBe(ids[8]);
    expect(await takeWarm(store, warm)).toBe(ids[1]);
  });

  test("a warm job of any of the runner's pools counts, and of no other pool", async () => {
    await using world = await open();
    const { store } = world;
    const plain = await queue(store, { repoKey: cold });
    const gpu = await queue(store, { repoKey: warm, job: { pool: "gpu" } });
    await queue(store, { repoKey: warm, job: { pool: "arm" } });

    expect((await take(store, { pools: ["default", "gpu"], warm: [warm] })).job.id).toBe(gpu);
    expect((await take(store, { pools: ["default", "gpu"], warm: [warm] })).job.id).toBe(plain);
    expect(await store.claim(aClaim({ pools: ["default", "gpu"], warm: [warm] }))).toBeUndefined();
  });

  test("a warm repository passes no limit, and holds up nobody who may run", async () => {
    await using world = await open({ repoLimit: 1, poolLimits: { big: 1 } });
    const { store } = world;
    const [first] = await inRow(store, [warm, warm]);
    expect(await takeWarm(store, warm)).toBe(first);
    const big = await queue(store, { job: { pool: "big" } });
    expect((await take(store, { pools: ["big"] })).job.id).toBe(big);
    await queue(store, { repoKey: other, job: { pool: "big" } });
    const [free] = await inRow(store, [cold]);

    expect((await take(store, { pools: ["big", "default"], warm: [warm, other] })).job.id).toBe(free);
    expect(await store.claim(aClaim({ pools: ["big", "default"], warm: [warm, other] }))).toBeUndefined();
  });

  test("a hundred warm repositories can be named", async () => {
    await using world = await open();
    const [, second] = await inRow(world.store, [cold, "https://h/99"]);
    const all = Array.from({ length: 100 }, (_, n) => `https://h/${n}`);

    expect(await takeWarm(world.store, ...all)).toBe(second);
  });

  test("a claim asked for again gives the same job, whatever is warm by then", async () => {
    await using world = await open();
    const { store } = world;
    const [, second] = await inRow(store, [cold, warm]);
    const request = aClaim({ warm: [warm] });
    const first = await store.claim(request);
    expect(first?.job.id).toBe(second);

    expect(await store.claim({ ...request, warm: [cold] })).toEqual(first);
  });

  test.each([1, 2, 3, 4, 5, 6])("who comes first is as said, whatever is warm to whom (seed %i)", async (seed) => {
    await using world = await open();
    const { store } = world;
    const random = seeded(seed);
    const keys = ["https://h/0", "https://h/1", "https://h/2", "https://h/3"] as const;
    type Waiting = { id: JobId; key: string; priority: number; since: number };
    let waiting: Waiting[] = [];
    let now = 0;
    const best = (wanted: readonly string[]): Waiting | undefined => {
      const row = waiting.toSorted((a, b) => b.priority - a.priority).slice(0, 8);
      const [first] = row;
      if (!first || now - first.since >= 10_000) return first;
      return row.find(({ key, priority }) => priority === first.priority && wanted.includes(key)) ?? first;
    };
    for (let step = 0; step < 60; step += 1) {
      const act = random.pick(["submit", "submit", "claim", "advance"]);
      if (act === "submit") {
        const [key, priority] = [random.pick(keys), random.below(2)];
        waiting.push({ id: await queue(store, { repoKey: key, job: { priority } }), key, priority, since: now });
      } else if (act === "advance") {
        const ms = 500 * random.below(12);
        await world.advance(ms);
        now += ms;
      } else {
        const wanted = keys.filter(() => random.below(3) === 0);
        const expected = best(wanted);
        expect((await store.claim(aClaim({ warm: wanted })))?.job.id).toBe(expected?.id);
        waiting = waiting.filter(({ id }) => id !== expected?.id);
      }
    }
  });
}
