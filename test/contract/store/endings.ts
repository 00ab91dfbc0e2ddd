import { expect, test } from "vitest";
import type { Release } from "../../../shared/store.ts";
import { aClaim } from "../../support/a-job.ts";
import { leaseLost, minute, type OpenWorld, queue, read, take, told } from "./store-world.ts";

export function endingsContract(open: OpenWorld): void {
  test.each(["succeeded", "failed", "cancelled"] as const)(
    "a job ends as %s, with its event in the same step",
    async (status) => {
      await using world = await open();
      const { store } = world;
      const id = await queue(store);
      const { lease: held } = await take(store);
      const patch = {
        exit_code: 1,
        output: "All done",
        error: "A sentence.",
        error_code: "claude_failed",
        remedy: "Do this.",
        cost_usd: 0.4,
        commit: "c0ffee",
        branch: "agenticore-1",
      } as const;
      const events = [
        { type: "work.committed", data: { commit: "c0ffee", files: 1, insertions: 2, deletions: 0 } },
      ] as const;

      const job = await store.finish(held, { status, patch, events });

      expect(job).toMatchObject({ id, status, ...patch });
      expect(job.ended_at).toBeDefined();
      expect(job).not.toHaveProperty("phase");
      expect(job.attempts).toMatchObject([{ number: 1, reason: "ended", ended_at: job.ended_at }]);
      expect(await read(store, id)).toEqual(job);
      const { exit_code, output, ...facts } = patch;
      const page = await store.events(id, {});
      expect(page.events.slice(-2)).toMatchObject([
        { type: "work.committed" },
        { type: `job.${status}`, data: { status, ...facts } },
      ]);
      expect(page).not.toHaveProperty("next");
    },
  );

  test("finish said again under the same fence changes nothing and succeeds", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const ending = {
      status: "succeeded",
      patch: { output: "done" },
      events: [{ type: "claude.said", data: { text: "x" } }],
    } as const;
    const job = await store.finish(held, ending);
    const log = await told(store, id);
    await world.advance(minute);

    expect(await store.finish(held, ending)).toEqual(job);
    expect(await told(store, id)).toEqual(log);
  });

  test("an ended job takes no other ending", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const job = await store.finish(held, { status: "succeeded", patch: {} });

    await leaseLost(store.finish(held, { status: "failed", patch: { output: "no" } }));
    expect(await read(store, id)).toEqual(job);
  });

  test("a finish that comes after the lease ran out, but before anybody took over, counts", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await world.advance(100 * minute);
    await store.finish(held, { status: "succeeded", patch: {} });

    await store.sweep();
    expect(await read(store, id)).toMatchObject({ status: "succeeded", attempt: 1 });
  });

  test("what the work was worth when the cancel came is not thrown away: the runner's word ends the job", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.cancel(id, { name: "ada" });
    await store.finish(held, { status: "succeeded", patch: {} });

    expect(await store.cancel(id, { name: "ada" })).toMatchObject({ status: "succeeded" });
  });

  test.each(["crashed", "lease_lost", "drained", "waiting"] as const)(
    "a job given back as %s is queued again, and the attempt says so",
    async (reason) => {
      await using world = await open();
      const { store } = world;
      const id = await queue(store);
      const { lease: held } = await take(store);
      const events = [{ type: "claude.said", data: { text: "x" } }] as const;

      const job = await store.release(held, { reason, patch: { cost_usd: 1, output: "half" }, events });

      expect(job).toMatchObject({ id, status: "queued", queue_position: 1, cost_usd: 1, output: "half" });
      expect(job.attempts).toMatchObject([{ number: 1, reason }]);
      expect(await read(store, id)).toEqual(job);
      const loss = reason === "crashed" || reason === "lease_lost" ? ["lease.lost"] : [];
      expect((await told(store, id)).slice(2)).toEqual(["claude.said", ...loss, "job.queued"]);
      expect(await take(store)).toMatchObject({ continues: true, job: { id, attempt: 2 } });
    },
  );

  test("a job given back with a delay waits for it, and says why and until when", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const { ended_at: _, ...now } = await read(store, id);
    const until = new Date(Date.parse(now.started_at ?? "") + 10 * minute).toISOString();
    const release: Release = { reason: "waiting", delayMs: 10 * minute, waiting: { reason: "usage_limit", until } };

    expect(await store.release(held, release)).toMatchObject({
      status: "queued",
      waiting: { reason: "usage_limit", until },
    });
    expect((await store.events(id, {})).events.slice(-2)).toMatchObject([
      { type: "job.queued", data: { reason: "waiting" } },
      { type: "job.delayed", data: { reason: "usage_limit", until } },
    ]);
    await world.advance(10 * minute - 1_000);
    expect(await store.claim(aClaim())).toBeUndefined();
    await world.advance(1_000);
    expect((await take(store)).job).not.toHaveProperty("waiting");
  });

  test("where only the time is said until when a job waits, it waits until then", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    const { lease: held, job } = await take(store);
    const until = new Date(Date.parse(job.started_at ?? "") + minute).toISOString();
    await store.release(held, { reason: "waiting", waiting: { reason: "usage_limit", until } });

    await world.advance(minute - 2_000);
    expect(await store.claim(aClaim())).toBeUndefined();
    await world.advance(4_000);
    await take(store);
  });

  test("a job that waits can be cancelled", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    await store.release((await take(store)).lease, { reason: "waiting", delayMs: 24 * 60 * minute });

    expect(await store.cancel(id, { name: "ada" })).toMatchObject({ status: "cancelled" });
    expect(await read(store, id)).not.toHaveProperty("waiting");
  });

  test("a job given back while a cancel waits is cancelled", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.cancel(id, { name: "ada" });

    expect(await store.release(held, { reason: "drained" })).toMatchObject({
      status: "cancelled",
      error_code: "cancelled",
    });
    expect((await told(store, id)).at(-1)).toBe("job.cancelled");
  });
}
