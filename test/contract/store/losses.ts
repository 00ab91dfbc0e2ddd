import { expect, test } from "vitest";
import { aClaim } from "../../support/a-job.ts";
import { lease, leaseLost, minute, type OpenWorld, queue, read, take, told } from "./store-world.ts";

export function lossesContract(open: OpenWorld): void {
  test("a lease that runs out is reaped by the next sweep: the attempt is lost, the job queued at once", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store, { pod_name: "box-1" });
    await store.renew(first.lease, { leaseMs: lease, patch: { phase: "running", pid: 7, branch: "b", cost_usd: 1 } });
    await world.advance(lease);

    expect(await store.sweep()).toEqual([id]);

    const job = await read(store, id);
    expect(job).toMatchObject({ status: "queued", attempt: 1, queue_position: 1, branch: "b", cost_usd: 1 });
    expect(job.attempts).toMatchObject([{ number: 1, pod_name: "box-1", reason: "lease_lost" }]);
    expect(job.attempts[0]?.started_at).toBe(job.started_at);
    for (const name of ["phase", "pid", "waiting"]) expect(job).not.toHaveProperty(name);
    expect((await told(store, id)).slice(-2)).toEqual(["lease.lost", "job.queued"]);
  });

  test("a claim reaps too, and the fence rises with it", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store);
    await world.advance(lease);

    const second = await take(store, { runner: "box-2/b" });

    expect(second).toMatchObject({ continues: true, job: { id, attempt: 2, started_at: first.job.started_at } });
    expect(second.lease.fence).toBeGreaterThan(first.lease.fence);
    await leaseLost(store.renew(first.lease, { leaseMs: lease }));
    await leaseLost(store.finish(first.lease, { status: "succeeded", patch: { output: "stale" } }));
    await leaseLost(store.release(first.lease, { reason: "crashed" }));
    expect(await read(store, id)).toMatchObject({ status: "running", attempt: 2 });
  });

  test("after the first loss there is no pause, then one of 5 s that doubles up to 5 min", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store, { job: { max_attempts: 10 } });
    const pauses = [];
    for (let n = 0; n < 9; n += 1) {
      const claim = await take(store);
      await store.release(claim.lease, { reason: "crashed" });
      let ms = 0;
      for (; !(await claimable()); ms += 2_500) await world.advance(2_500);
      pauses.push(ms);
    }
    async function claimable() {
      const claim = await store.claim(aClaim());
      if (claim) await store.release(claim.lease, { reason: "drained" });
      return claim !== undefined;
    }
    expect(pauses).toEqual([0, 5, 10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * 1_000));
  });

  test("while it pauses a job says until when, and others pass it", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    for (let n = 0; n < 2; n += 1) await store.release((await take(store)).lease, { reason: "crashed" });
    const other = await queue(store);

    const job = await read(store, id);
    expect(job).toMatchObject({ status: "queued", waiting: { reason: "backoff" } });
    expect((await store.events(id, {})).events.at(-1)).toMatchObject({ type: "job.delayed", data: job.waiting });
    expect((await take(store)).job.id).toBe(other);
    await world.advance(5_000);
    const again = await take(store);
    expect(again.job.id).toBe(id);
    expect(again.job).not.toHaveProperty("waiting");
  });

  test("a job that kills its runner each time ends as failed, with the reason", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { max_attempts: 3 } });
    for (let n = 0; n < 3; n += 1) {
      await take(store, { pod_name: `box-${n}` });
      await world.advance(lease);
      await store.sweep();
      await world.advance(minute);
    }

    const job = await read(store, id);
    expect(job).toMatchObject({ status: "failed", attempt: 3, error_code: "runner_lost" });
    expect(job.remedy).toBeTruthy();
    expect(job.error).toContain("box-2");
    expect(job.attempts.map((attempt) => attempt.reason)).toEqual(["lease_lost", "lease_lost", "lease_lost"]);
    expect((await store.events(id, {})).events.at(-1)).toMatchObject({
      type: "job.failed",
      data: { status: "failed", error_code: "runner_lost", error: job.error, remedy: job.remedy },
    });
    expect(await store.claim(aClaim())).toBeUndefined();
  });

  test("drains and waits do not count as lost starts", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { max_attempts: 1 } });
    for (const reason of ["drained", "waiting", "drained"] as const)
      await store.release((await take(store)).lease, { reason });

    expect(await read(store, id)).toMatchObject({ status: "queued", attempt: 3 });
    await store.release((await take(store)).lease, { reason: "crashed" });
    expect(await read(store, id)).toMatchObject({ status: "failed", attempt: 4, error_code: "runner_lost" });
  });

  test("a lost job with a waiting cancel ends as cancelled", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    await take(store);
    await store.cancel(id, { name: "ada" });
    await world.advance(lease);
    await store.sweep();

    expect(await read(store, id)).toMatchObject({ status: "cancelled", error_code: "cancelled" });
    expect((await told(store, id)).at(-1)).toBe("job.cancelled");
  });

  test("a lost job frees its repository and its session", async () => {
    await using world = await open({ repoLimit: 1 });
    const { store } = world;
    const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
    const facts = { repoKey: "https://h/r", job: { session_id, max_attempts: 1 } };
    await queue(store, facts);
    const next = await queue(store, facts);
    await take(store);
    expect(await store.claim(aClaim())).toBeUndefined();
    await world.advance(lease);

    expect((await take(store)).job.id).toBe(next);
  });

  test("many leases that ran out together are all reaped, by claims too", async () => {
    await using world = await open();
    const { store } = world;
    for (let n = 0; n < 130; n += 1) await queue(store, { job: { max_attempts: 1 } });
    for (let n = 0; n < 130; n += 1) await take(store);
    await world.advance(lease);

    expect(await store.sweep()).toHaveLength(130);
    expect(await store.counts()).toMatchObject({ byStatus: { failed: 130 } });
  });
}
