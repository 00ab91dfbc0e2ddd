import { expect, test } from "vitest";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, read, take, told } from "./store-world.ts";

const fifty = <T>(make: (n: number) => T): T[] => Array.from({ length: 50 }, (_, n) => make(n));

export function racesContract(open: OpenWorld): void {
  test("of 50 claims at once over two connections exactly one gets the job", async () => {
    await using world = await open();
    const other = await world.another();
    const id = await queue(world.store);

    const claims = await Promise.all(
      fifty((n) => (n % 2 ? other : world.store).claim(aClaim({ runner: `box-${n}/a` }))),
    );

    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    expect(await read(world.store, id)).toMatchObject({ attempt: 1 });
  });

  test("50 claims at once of 50 jobs get one each", async () => {
    await using world = await open();
    const other = await world.another();
    for (let n = 0; n < 50; n += 1) await queue(world.store);

    const claims = await Promise.all(fifty((n) => (n % 2 ? other : world.store).claim(aClaim())));

    expect(new Set(claims.map((claim) => claim?.job.id)).size).toBe(50);
  });

  test("50 equal submissions at once make one job", async () => {
    await using world = await open();
    const other = await world.another();
    const idempotency = { key: "order-1", body: "digest" };

    const all = await Promise.all(fifty((n) => (n % 2 ? other : world.store).submit(aNewJob({ idempotency }))));

    expect(new Set(all.map(({ job }) => job.id)).size).toBe(1);
    expect(all.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect((await world.store.list({ limit: 10 })).jobs).toHaveLength(1);
  });

  test("50 claims at once never pass a repository's limit", async () => {
    await using world = await open({ repoLimit: 3 });
    for (let n = 0; n < 10; n += 1) await queue(world.store, { repoKey: "https://h/r" });

    const claims = await Promise.all(fifty(() => world.store.claim(aClaim())));

    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(3);
  });

  test("a cancel that races the end leaves one ending, and everybody is told that one", async () => {
    await using world = await open();
    const other = await world.another();
    for (let n = 0; n < 20; n += 1) {
      const id = await queue(world.store);
      const { lease: held } = await take(world.store);
      const finish = () => world.store.finish(held, { status: "succeeded", patch: {} });
      const cancel = () => other.cancel(id, { name: "ada" });
      await Promise.all(n % 2 ? [finish(), cancel()] : [cancel(), finish()]);

      expect(await read(other, id)).toMatchObject({ status: "succeeded" });
      const endings = (await told(other, id)).filter((type) =>
        /^job\.(succeeded|failed|cancelled|expired)$/.test(type),
      );
      expect(endings).toEqual(["job.succeeded"]);
    }
  });

  test("a cancel that races the claim either stops it or is told to the runner", async () => {
    await using world = await open();
    const other = await world.another();
    for (let n = 0; n < 20; n += 1) {
      const id = await queue(world.store);
      const claim = () => world.store.claim(aClaim());
      const cancel = () => other.cancel(id, { name: "ada" });
      const [first, second] =
        n % 2 ? await Promise.all([claim(), cancel()]) : (await Promise.all([cancel(), claim()])).toReversed();
      const claimed = first && "lease" in first ? first : second && "lease" in second ? second : undefined;

      const job = await read(other, id);
      if (!claimed) expect(job.status).toBe("cancelled");
      else {
        expect(job.status).toBe("running");
        expect((await world.store.renew(claimed.lease, { leaseMs: lease })).cancel).toMatchObject({ by: "ada" });
        await world.store.finish(claimed.lease, { status: "cancelled", patch: {} });
      }
    }
  });

  test("a reaper that races a late renewal either reaps or lets it be, never both", async () => {
    await using world = await open();
    const other = await world.another();
    for (let n = 0; n < 20; n += 1) {
      const id = await queue(world.store);
      const { lease: held } = await take(world.store);
      await world.advance(lease);
      const renew = () =>
        world.store.renew(held, { leaseMs: lease }).then(
          () => "renewed",
          () => "lost",
        );
      const sweep = () => other.sweep().then(() => "swept");
      const answers = await Promise.all(n % 2 ? [renew(), sweep()] : [sweep(), renew()]);

      expect((await read(other, id)).status).toBe(answers.includes("renewed") ? "running" : "queued");
      await other.cancel(id, { name: "ada" });
      if (answers.includes("renewed")) await world.store.finish(held, { status: "cancelled", patch: {} });
    }
  });

  test("what is appended from two connections at once is all there, each writer's in its order", async () => {
    await using world = await open();
    const other = await world.another();
    const id = await queue(world.store);
    const { lease: held } = await take(world.store);
    const write = async (store: JobStore, numbers: readonly number[]) => {
      for (const n of numbers)
        await store.renew(held, { leaseMs: lease, events: [{ type: "claude.said", data: { text: `${n}` } }] });
    };
    const numbers = fifty((n) => n);
    const writers = [world.store, other].map((store, own) => ({ store, own: numbers.filter((n) => n % 2 === own) }));
    await Promise.all(writers.map(({ store, own }) => write(store, own)));

    const { events } = await other.events(id, {});
    const texts = events.slice(2).map((event) => Number(event.data["text"]));
    expect(texts.toSorted((a, b) => a - b)).toEqual(fifty((n) => n));
    for (const own of [0, 1]) {
      const isOwn = (n: number) => n % 2 === own;
      expect(texts.filter(isOwn)).toEqual(numbers.filter(isOwn));
    }
    expect(new Set(events.map((event) => event.id)).size).toBe(52);
  });
}
