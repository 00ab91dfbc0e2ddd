import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { boxQueue } from "../../shared/box-queue.ts";
import { Secret } from "../../shared/secret.ts";
import type { Lease } from "../../shared/store.ts";
import type { WorktreeRecord } from "../../shared/worktree.ts";
import { aClaim } from "../support/a-job.ts";
import { anApi, type TestApi } from "../support/an-api.ts";
import { savedKey } from "../support/an-api-key.ts";

const repo_url = "https://github.com/octo/repo";
type Seen = Record<string, unknown>;

/** Plays the runner: claims the next job of a box. */
async function claim(api: TestApi, box = "box-1") {
  const got = await api.store.claim(aClaim({ pools: ["default", boxQueue("default", box)] }));
  if (!got) throw new Error("there was nothing to claim");
  return got;
}

/** A worktree that a runner has prepared; with what it says of it now. */
async function prepared(api: TestApi, facts: Partial<WorktreeRecord> = {}, headers: Record<string, string> = {}) {
  const answer = await api.post("/worktrees", { repo_url, base_ref: "main" }, headers);
  expect(answer).toMatchObject({ status: 202, body: { success: true, job: { kind: "prepare", status: "queued" } } });
  const { job, tenant, lease } = await claim(api);
  expect(answer.headers.get("location")).toBe(`/worktrees/${job.id}`);
  const record: WorktreeRecord = {
    ...{ id: job.id, tenant, repo_url, repo_key: repo_url, base_ref: "main", status: "ready", box: "box-1" },
    ...{ pool: "default", pushed: true, created_at: job.created_at, used_at: job.created_at, ...facts },
  };
  await api.store.saveWorktree(lease, record);
  await api.store.finish(lease, { status: "succeeded", patch: {} });
  return {
    id: job.id,
    record,
    save: (by: Lease, now: Partial<WorktreeRecord>) => api.store.saveWorktree(by, { ...record, ...now }),
  };
}

test("a worktree that is asked for is seen at once, and when it is ready without what is the server's alone", async () => {
  await using api = await anApi();
  const { body } = await api.post("/worktrees", { repo_url, base_ref: "main" });
  const { id } = body["job"] as { id: string };
  expect((await api.get(`/worktrees/${id}`)).body).toMatchObject({ worktree: { id, status: "preparing", job: id } });
  const { lease } = await claim(api);
  await api.store.finish(lease, { status: "failed", patch: { error: "no such ref" } });
  expect((await api.get(`/worktrees/${id}`)).body).toMatchObject({
    worktree: { status: "failed", error: "no such ref" },
  });

  const ready = await prepared(api);
  const { worktree } = (await api.get(`/worktrees/${ready.id}`)).body as { worktree: Seen };
  expect(worktree).toMatchObject({ id: ready.id, status: "ready", repo_url, base_ref: "main" });
  expect(Object.keys(worktree)).not.toContain("tenant");
  expect((await api.get("/worktrees")).body).toMatchObject({ count: 1, worktrees: [{ id: ready.id }] });
});

test("a job in a worktree has its repository, base and pool, waits for its box, and holds it alone", async () => {
  await using api = await anApi();
  const { id } = await prepared(api);
  const task = { task: "Go on.", worktree_id: id };
  const { body, status } = await api.post("/jobs", task);
  expect({ status, body }).toMatchObject({
    status: 202,
    body: { job: { worktree_id: id, repo_url, base_ref: "main", pool: "default", queue_position: 1 } },
  });
  expect(await api.post("/jobs", task)).toMatchObject({ status: 409, body: { code: "worktree_in_use" } });
  expect((await api.get(`/worktrees/${id}`)).body).toMatchObject({ worktree: { status: "in_use" } });

  expect(await api.store.claim(aClaim())).toBeUndefined();
  expect((await claim(api)).job).toMatchObject({ worktree_id: id });
});

test("a job with another repository or base than its worktree's is refused", async () => {
  await using api = await anApi();
  const { id: worktree_id } = await prepared(api);
  for (const [path, wrong] of [
    ["repo_url", { repo_url: "https://github.com/octo/other" }],
    ["base_ref", { base_ref: "dev" }],
  ] as const)
    expect(await api.post("/jobs", { task: "Go.", worktree_id, ...wrong })).toMatchObject({
      status: 400,
      body: { errors: [{ path }] },
    });
  expect(
    (await api.post("/jobs", { task: "Go.", worktree_id, repo_url: `${repo_url}.git`, base_ref: "main" })).status,
  ).toBe(202);
});

test("a worktree goes by a job on its box: never one in use, nor without force one whose work was not pushed", async () => {
  await using api = await anApi();
  const tree = await prepared(api);
  const { body } = await api.post("/jobs", { task: "Go.", worktree_id: tree.id });
  const remove = (query = "") => api.fetch(`/worktrees/${tree.id}${query}`, { method: "DELETE" });
  expect((await remove("?force=true")).status).toBe(409);
  const working = await claim(api);
  expect(working.job.id).toBe((body["job"] as Seen)["id"]);
  await tree.save(working.lease, { pushed: false });
  await api.store.finish(working.lease, { status: "succeeded", patch: {} });
  expect(await (await remove()).json()).toMatchObject({ status: 409, code: "conflict" });

  const answer = await remove("?force=true");
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({
    job: { kind: "cleanup", cleanup: { worktree_ids: [tree.id], force: true } },
  });
  expect(await api.store.claim(aClaim())).toBeUndefined();
  expect((await claim(api)).job.kind).toBe("cleanup");
});

test("worktrees go by age: those that nobody used, each by its own box, and what is used or not pushed stays", async () => {
  await using api = await anApi();
  const long = new Date(Date.now() - 50 * 3_600_000).toISOString();
  const old = [await prepared(api, { used_at: long }), await prepared(api, { used_at: long, box: "box-2" })];
  await prepared(api, { used_at: long, pushed: false });
  await prepared(api);
  const used = await prepared(api, { used_at: long });
  await api.post("/jobs", { task: "Go.", worktree_id: used.id });

  const { status, body } = await api.post("/worktrees/cleanup", { max_age_hours: 48 });
  expect({ status, count: body["count"] }).toEqual({ status: 202, count: 2 });
  const ids = (body["jobs"] as { cleanup: { worktree_ids: string[] } }[]).flatMap(
    ({ cleanup }) => cleanup.worktree_ids,
  );
  expect(ids.sort()).toEqual(old.map(({ id }) => id).sort());
  expect((await api.post("/worktrees/cleanup", { max_age_hours: 480 })).body).toMatchObject({ count: 0, jobs: [] });
});

test("what is asked wrongly is told, and nothing is queued", async () => {
  await using api = await anApi();
  const { id } = await prepared(api);
  for (const [path, body, status] of [
    ["/worktrees", {}, 400],
    ["/worktrees", { repo_url: "http://10.0.0.1/r" }, 422],
    ["/worktrees", { repo_url, task: "x" }, 400],
    ["/worktrees/cleanup", {}, 400],
    ["/worktrees/cleanup", { worktree_ids: [id], max_age_hours: 1 }, 400],
    ["/worktrees/cleanup", { worktree_ids: ["../../etc"] }, 400],
    ["/worktrees/cleanup", { worktree_ids: [id, randomUUID()] }, 404],
  ] as const)
    expect([path, body, (await api.post(path, body)).status]).toEqual([path, body, status]);
  expect((await api.get("/worktrees/..%2f..%2fetc")).status).toBe(404);
  expect(await api.store.claim(aClaim({ pools: ["default", boxQueue("default", "box-1")] }))).toBeUndefined();
});

test("another key's worktree is not there: not to see, to use, or to remove", async () => {
  const keys = ["key-of-ada-long-enough", "key-of-bob-long-enough"];
  await using api = await anApi({ settings: { apiKeys: keys.map((key) => new Secret(key)) } });
  const [ada, bob] = keys.map((key) => ({ authorization: `Bearer ${key}` }));
  const { id } = await prepared(api, {}, ada);

  expect((await api.get(`/worktrees/${id}`, ada)).status).toBe(200);
  expect((await api.get(`/worktrees/${id}`, bob)).status).toBe(404);
  expect((await api.get("/worktrees", bob)).body).toMatchObject({ count: 0 });
  expect((await api.post("/jobs", { task: "Go.", worktree_id: id }, bob)).status).toBe(404);
  expect((await api.post("/worktrees/cleanup", { worktree_ids: [id], force: true }, bob)).status).toBe(404);
});

test("a narrowed key removes no worktree that it could not have prepared: not by id, and not by age", async () => {
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
  const wide = await savedKey(api.store, { tenant: "team-a" });
  const { id } = await prepared(api, {}, wide.as);
  const other = { repos: ["https://github.com/other/**"] };
  for (const [reach, status] of [
    [other, 422],
    [{ pools: ["big"] }, 403],
  ] as const) {
    const { as } = await savedKey(api.store, { tenant: "team-a", ...reach });
    expect((await api.post("/worktrees/cleanup", { worktree_ids: [id], force: true }, as)).status).toBe(status);
    expect((await api.fetch(`/worktrees/${id}?force=true`, { method: "DELETE", headers: as })).status).toBe(status);
    expect((await api.post("/worktrees/cleanup", { max_age_hours: 0 }, as)).body).toMatchObject({ count: 0 });
  }
  const { as } = await savedKey(api.store, { tenant: "team-a", repos: [repo_url], pools: ["default"] });
  expect((await api.post("/worktrees/cleanup", { max_age_hours: 0 }, as)).body).toMatchObject({ count: 1 });
});
