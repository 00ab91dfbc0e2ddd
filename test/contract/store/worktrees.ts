import { expect, test } from "vitest";
import { boxQueue } from "../../../shared/box-queue.ts";
import type { JobId } from "../../../shared/job.ts";
import type { Claim, JobStore } from "../../../shared/store.ts";
import type { WorktreeRecord } from "../../../shared/worktree.ts";
import { aClaim, aJobId, aNewJob } from "../../support/a-job.ts";
import { leaseLost, minute, type OpenWorld, queue, read, refused, take } from "./store-world.ts";

const aTree = (id: string, facts: Partial<WorktreeRecord> = {}): WorktreeRecord => ({
  ...{ id, tenant: "local", repo_key: "https://h/r", repo_url: "https://h/r.git", status: "ready", box: "box-1" },
  ...{ pool: "default", pushed: true, created_at: "2026-03-01T12:00:00.000Z", used_at: "2026-03-01T12:00:00.000Z" },
  ...facts,
});

/** A runner has the job of a kind that this store gives out next. */
const aLease = async (store: JobStore, tenant = "local"): Promise<Claim> => {
  await queue(store, { tenant, job: { kind: "prepare" } });
  return await take(store);
};

/** A worktree that was prepared by a job that is over. */
async function prepared(store: JobStore, facts: Partial<WorktreeRecord> = {}): Promise<JobId> {
  const { job, lease } = await aLease(store, facts.tenant);
  await store.saveWorktree(lease, aTree(job.id, facts));
  await store.finish(lease, { status: "succeeded", patch: {} });
  return job.id;
}

const working = (worktree_id: string, facts: Parameters<typeof aNewJob>[0] = {}) =>
  aNewJob({ ...facts, job: { worktree_id, ...facts.job } });

export function worktreesContract(open: OpenWorld): void {
  test("a worktree is found as its runner told of it last, by its tenant alone, and says whether its job lives", async () => {
    await using world = await open();
    const { store } = world;
    const { job, lease } = await aLease(store);
    await store.saveWorktree(lease, aTree(job.id, { status: "preparing" }));
    const elsewhere = await world.another();
    expect(await elsewhere.findWorktree(job.id, "local")).toEqual(aTree(job.id, { status: "preparing", job: job.id }));
    await store.saveWorktree(lease, aTree(job.id, { size_bytes: 12 }));
    await store.finish(lease, { status: "succeeded", patch: {} });

    expect(await elsewhere.findWorktree(job.id)).toEqual(aTree(job.id, { size_bytes: 12, job: job.id }));
    expect(await store.findWorktree(job.id, "blue")).toBeUndefined();
    expect(await store.findWorktree(aJobId())).toBeUndefined();
  });

  test("a preparation that ended without a word has failed", async () => {
    await using world = await open();
    const { store } = world;
    const { job, lease } = await aLease(store);
    await store.saveWorktree(lease, aTree(job.id, { status: "preparing" }));
    await store.finish(lease, { status: "failed", patch: {} });

    expect(await store.findWorktree(job.id)).toMatchObject({ status: "failed" });
    await refused(store.submit(working(job.id)), "conflict");
  });

  test("two jobs never have one worktree: the second one is refused until the first has ended", async () => {
    await using world = await open();
    const { store } = world;
    const tree = await prepared(store);
    const first = (await store.submit(working(tree))).job.id;
    expect(await store.findWorktree(tree)).toMatchObject({ status: "in_use", job: first });
    await refused(store.submit(working(tree)), "worktree_in_use");
    const { lease } = await take(store);
    await refused(store.submit(working(tree)), "worktree_in_use");
    await store.finish(lease, { status: "succeeded", patch: {} });

    expect(await store.findWorktree(tree)).toMatchObject({ status: "ready", job: first });
    const second = (await store.submit(working(tree))).job.id;
    expect(await store.findWorktree(tree)).toMatchObject({ status: "in_use", job: second });
  });

  test("of many submissions for one worktree at once, one is taken", async () => {
    await using world = await open();
    const other = await world.another();
    const tree = await prepared(world.store);
    const tries = [world.store, other, world.store, other, world.store].map((store) =>
      store.submit(working(tree)).then(
        () => "taken",
        (error: { code?: string }) => error.code,
      ),
    );

    expect((await Promise.all(tries)).sort()).toEqual(["taken", ...Array(4).fill("worktree_in_use")]);
  });

  test("a submission that its budget refuses leaves the worktree as free as it was", async () => {
    await using world = await open();
    const { store } = world;
    const id = await prepared(store);
    const before = await store.findWorktree(id);
    const budgets = [{ name: "total/2026-03-01", limitUsd: 1, reserveUsd: 5 }];
    await refused(store.submit(working(id, { budgets })), "rate_limited");

    expect(await store.findWorktree(id)).toEqual(before);
    expect((await store.submit(working(id))).job.worktree_id).toBe(id);
  });

  test("a submission that comes again is the same job, in use or not", async () => {
    await using world = await open();
    const { store } = world;
    const tree = await prepared(store);
    const idempotency = { key: "k", body: "b" };
    const { job } = await store.submit(working(tree, { idempotency }));
    expect(await store.submit(working(tree, { idempotency }))).toMatchObject({ job: { id: job.id }, replayed: true });
    expect(await store.submit(working(tree, { job: { id: job.id } }))).toMatchObject({ job: { id: job.id } });

    await refused(store.submit(working(tree, { idempotency: { key: "other", body: "b" } })), "worktree_in_use");
  });

  test("another tenant's worktree, a removed one and one that never was are not there", async () => {
    await using world = await open();
    const { store } = world;
    const theirs = await prepared(store, { tenant: "blue" });
    const removed = await prepared(store, { status: "removed" });
    for (const id of [theirs, removed, aJobId()]) await refused(store.submit(working(id)), "not_found");
    const { lease } = await aLease(store);

    await refused(store.saveWorktree(lease, aTree(theirs)), "not_found");
    expect(await store.findWorktree(removed)).toMatchObject({ status: "removed" });
    expect((await store.listWorktrees({})).map(({ id }) => id)).toEqual([theirs]);
  });

  test("what a job has, another one's runner neither removes nor writes to, nor one whose lease is gone", async () => {
    await using world = await open();
    const { store } = world;
    const tree = await prepared(store);
    const { lease: cleaning } = await aLease(store);
    await store.submit(working(tree));
    await refused(store.saveWorktree(cleaning, aTree(tree, { status: "removed" })), "worktree_in_use");
    const { lease: using } = await take(store);
    await store.saveWorktree(using, aTree(tree, { pushed: false }));
    await store.finish(using, { status: "succeeded", patch: {} });
    await leaseLost(store.saveWorktree(using, aTree(tree)));
    await store.saveWorktree(cleaning, aTree(tree, { status: "removed" }));

    await refused(store.submit(working(tree)), "not_found");
  });

  test("a retry takes the worktree again, where no other job has it", async () => {
    await using world = await open();
    const { store } = world;
    const tree = await prepared(store);
    const { id } = (await store.submit(working(tree))).job;
    await store.cancel(id, { name: "ada" });
    const other = (await store.submit(working(tree))).job.id;
    await refused(store.retry(id), "worktree_in_use");
    await refused(store.retry(id, "blue"), "not_found");
    await store.cancel(other, { name: "ada" });
    await store.retry(id);

    expect(await store.findWorktree(tree)).toMatchObject({ status: "in_use", job: id });
  });

  test("lists are newest first, of a tenant or a box", async () => {
    await using world = await open();
    const { store } = world;
    const made: JobId[] = [];
    for (const [n, facts] of [{}, { tenant: "blue" }, { box: "box-2" }].entries())
      made.push(await prepared(store, { ...facts, created_at: `2026-03-01T12:00:0${n}.000Z` }));
    const ids = async (query: Parameters<JobStore["listWorktrees"]>[0]) =>
      (await store.listWorktrees(query)).map(({ id }) => made.indexOf(id as JobId));

    expect(await ids({})).toEqual([2, 1, 0]);
    expect(await ids({ limit: 2 })).toEqual([2, 1]);
    expect(await ids({ tenant: "local" })).toEqual([2, 0]);
    expect(await ids({ tenant: "local", box: "box-1" })).toEqual([0]);
  });

  test("a job that one box alone can do waits for that box, in its pool's counts and under its pool's name", async () => {
    await using world = await open();
    const { store } = world;
    const bound = await queue(store, { queue: boxQueue("default", "box-2"), job: { priority: 9 } });
    await world.advance(minute);
    const free = await queue(store);
    expect(await read(store, bound)).toMatchObject({ pool: "default", queue_position: 1 });
    expect((await store.counts()).pools).toEqual([{ pool: "default", queued: 2, oldestAgeSeconds: 60 }]);

    expect((await take(store)).job.id).toBe(free);
    expect(await store.claim(aClaim())).toBeUndefined();
    const { job, lease } = await take(store, { pools: ["default", boxQueue("default", "box-2")] });
    expect(job).toMatchObject({ id: bound, pool: "default" });
    await store.release(lease, { reason: "drained" });
    expect(await store.claim(aClaim())).toBeUndefined();
    expect((await take(store, { pools: [boxQueue("default", "box-2")] })).job).toMatchObject({ pool: "default" });
  });
}
