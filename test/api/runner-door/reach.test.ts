import { expect, test } from "vitest";
import { boxQueue } from "../../../shared/box-queue.ts";
import { runnerCalls, withheld } from "../../../shared/runner-door/calls.ts";
import { protocolHeader, runnerProtocol } from "../../../shared/runner-door/protocol.ts";
import type { WorktreeRecord } from "../../../shared/worktree.ts";
import { cleanupJob } from "../../../shared/worktree-job.ts";
import { queue, take } from "../../contract/store/store-world.ts";
import { aClaim, aJobId, aNewJob, aRunner } from "../../support/a-job.ts";
import { aRunnerDoor, callPath } from "../../support/a-runner-door.ts";
import { savedKey } from "../../support/an-api-key.ts";

const version = { [protocolHeader]: runnerProtocol };
const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const lease = 360_000;

test("only a key with the scope `runner` gets through the door, and such a key through no other", async () => {
  await using door = await aRunnerDoor();
  const { api, store } = door;
  const all = await savedKey(store, { scopes: ["submit", "read", "cancel", "admin"] });
  const own = await savedKey(store, { scopes: ["runner"] });
  const ping = (headers: Record<string, string>) => api.post(callPath("ping"), [], { ...version, ...headers });

  expect(await ping({})).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  expect(await ping(all.as)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect(await ping(own.as)).toMatchObject({ status: 200, body: {} });
  const id = await queue(store);
  for (const path of ["/jobs", `/jobs/${id}`, `/jobs/${id}/events`, "/runners", "/worktrees", "/metrics"])
    expect(await api.get(path, own.as)).toMatchObject({ status: 403 });
  const acts = { jobs: { task: "x" }, [`jobs/${id}/cancel`]: {}, [`jobs/${id}/messages`]: { text: "x" } };
  for (const [path, body] of Object.entries({ ...acts, "runners/box-1/drain": {} }))
    expect(await api.post(`/${path}`, body, own.as)).toMatchObject({ status: 403 });
});

test("what no runner needs is not there, and the runner's side says why", async () => {
  await using door = await aRunnerDoor();
  const own = await savedKey(door.store, { scopes: ["runner"] });
  const runner = await door.as();
  for (const [method, why] of Object.entries(withheld)) {
    const { status } = await door.api.post(callPath(method), [{}], { ...version, ...own.as });
    expect(status, method).toBe(404);
    const ask = runner[method as keyof typeof withheld] as () => Promise<unknown>;
    await expect(ask()).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining(why) });
  }
  for (const method of ["constructor", "__proto__", "Symbol.asyncDispose", "%2e%2e"])
    expect(await door.api.post(callPath(method), [], { ...version, ...own.as })).toMatchObject({ status: 404 });
  expect(await door.api.get(callPath("ping"), { ...version, ...own.as })).toMatchObject({ status: 405 });
});

test("arguments that are not those of the method change nothing, and are no 5xx", async () => {
  await using door = await aRunnerDoor();
  const own = await savedKey(door.store, { scopes: ["runner"] });
  const wrong: unknown[] = [
    {},
    [],
    null,
    1,
    "x",
    [null],
    [[]],
    [{ job: "../x" }],
    [{ leaseMs: -1 }],
    [[], {}],
    [{}, {}],
  ];
  for (const method of Object.keys(runnerCalls))
    for (const body of wrong) {
      const { status, text } = await door.api.post(callPath(method), JSON.stringify(body), { ...version, ...own.as });
      const isGood = method === "ping" && JSON.stringify(body) === "[]";
      expect(status, `${method} ${JSON.stringify(body)}: ${text}`).toBe(isGood ? 200 : 400);
    }
  const id = await queue(door.store);
  const events = [{ type: "no.such", data: {} }];
  const body = [
    { job: id, runner: "a/b", fence: 1 },
    { leaseMs: lease, events },
  ];
  expect(await door.api.post(callPath("renew"), body, { ...version, ...own.as })).toMatchObject({ status: 400 });
});

test("a key for a pool gets jobs of that pool alone, also those that one box can do, and looks at no others", async () => {
  await using door = await aRunnerDoor();
  const { store } = door;
  const runner = await door.as({ pools: ["big"] });
  const other = await queue(store);
  const bound = await queue(store, { queue: boxQueue("big", "box-1"), job: { pool: "big" } });
  const away = { code: "forbidden" };

  await expect(runner.claim(aClaim())).rejects.toMatchObject(away);
  await expect(runner.claim(aClaim({ pools: ["big", boxQueue("default", "box-1")] }))).rejects.toMatchObject(away);
  await expect(runner.announce(aRunner())).rejects.toMatchObject(away);
  await expect(runner.get(other)).rejects.toMatchObject(away);
  expect(await runner.claim(aClaim({ pools: ["big"] }))).toBeUndefined();
  const claim = await take(runner, { pools: ["big", boxQueue("big", "box-1")] });
  expect(claim.job.id).toBe(bound);
  expect(await runner.get(bound)).toMatchObject({ id: bound, status: "running" });
  expect(await runner.get(aJobId())).toBeUndefined();
});

test("a key that is narrowed to what no claim can be narrowed to is refused", async () => {
  await using door = await aRunnerDoor();
  for (const facts of [{ repos: ["https://github.com/octo/**"] }, { profiles: ["code"] }])
    await expect((await door.as(facts)).ping()).rejects.toMatchObject({
      code: "forbidden",
      remedy: expect.stringContaining("--pool"),
    });
});

test("a lease is good for keys of the tenant that claimed it, and for nobody else who knows its words", async () => {
  await using door = await aRunnerDoor();
  const { store } = door;
  const id = await queue(store);
  const ours = await door.as({ tenant: "boxes" });
  const theirs = await door.as({ tenant: "others" });
  const claimId = aJobId();
  const claim = await take(ours, { claimId });
  expect(claim.lease).toMatchObject({ job: id, runner: "box-1/a1" });

  const lost = { name: "LeaseLost", job: id };
  await expect(theirs.renew(claim.lease, { leaseMs: lease })).rejects.toMatchObject(lost);
  await expect(theirs.finish(claim.lease, { status: "failed", patch: {} })).rejects.toMatchObject(lost);
  await expect(theirs.release(claim.lease, { reason: "drained" })).rejects.toMatchObject(lost);
  const note = { id: session, tenant: "local", job: id, runner: "box-1/a1" };
  await expect(theirs.saveSession(claim.lease, note)).rejects.toMatchObject(lost);
  expect(await theirs.claim(aClaim({ claimId, pools: [] }))).toBeUndefined();
  await theirs.retire("box-1/a1");
  // A new key of the tenant ends what the old one began.
  const renewed = await door.as({ tenant: "boxes" });
  expect(await renewed.finish(claim.lease, { status: "succeeded", patch: {} })).toMatchObject({ status: "succeeded" });
});

test("a runner announces itself, is told to drain and retires as itself, whoever else has its id", async () => {
  await using door = await aRunnerDoor();
  const [ours, theirs] = [await door.as(), await door.as()];
  expect(await ours.announce(aRunner())).toEqual({ drain: false });
  await theirs.announce(aRunner({ name: "box-2" }));
  expect(await door.store.runners()).toHaveLength(2);
  await door.store.drain("box-1");

  expect(await ours.announce(aRunner())).toEqual({ drain: true });
  expect(await theirs.announce(aRunner({ name: "box-2" }))).toEqual({ drain: false });
  await theirs.retire("box-1/a1");
  expect((await door.store.runners()).map(({ name }) => name)).toEqual(["box-1"]);
});

test("a conversation is for a narrowed key while a live job of its pools uses the session, and its tenant stays what it is", async () => {
  await using door = await aRunnerDoor();
  const { store } = door;
  const id = await queue(store, { tenant: "blue", job: { session_id: session } });
  const all = await door.as();
  const { lease: held } = await take(all);
  const note = { id: session, tenant: "blue", job: id, runner: held.runner };
  await expect(all.saveSession(held, { ...note, tenant: "red" })).rejects.toMatchObject({ code: "session_not_found" });
  await all.saveSession(held, note);
  await all.saveTranscript(held, { session, version: "one", bytes: 3, box: "box-1", data: "e1:x" });

  const [inside, outside] = [await door.as({ pools: ["default"] }), await door.as({ pools: ["big"] })];
  expect(await inside.findTranscript(session)).toMatchObject({ data: "e1:x" });
  expect(await inside.findSession(session)).toEqual({ ...note, runner: "another" });
  expect(await outside.findTranscript(session)).toBeUndefined();
  expect(await outside.findSession(session)).toBeUndefined();
  await all.finish(held, { status: "succeeded", patch: {} });
  expect(await inside.findTranscript(session)).toBeUndefined();
});

test("a worktree is of its job's tenant and its key's pools; a runner queues the removal of an idle one that is pushed, and nothing else", async () => {
  await using door = await aRunnerDoor();
  const { store } = door;
  const runner = await door.as();
  const outside = await door.as({ pools: ["big"] });
  const made = "2026-03-01T12:00:00.000Z";
  const aTree = async (facts: Partial<WorktreeRecord>): Promise<WorktreeRecord> => {
    await queue(store, { job: { kind: "prepare" } });
    const { job, lease: held } = await take(runner);
    const known = {
      ...{ id: job.id, tenant: "local", repo_key: "https://h/r", repo_url: "https://h/r.git" },
      box: "box-1",
    };
    const record: WorktreeRecord = {
      ...{ ...known, status: "ready", pool: "default", pushed: true, created_at: made, used_at: made },
      ...facts,
    };
    await expect(runner.saveWorktree(held, { ...record, tenant: "blue" })).rejects.toMatchObject({ code: "not_found" });
    await runner.saveWorktree(held, record);
    await runner.finish(held, { status: "succeeded", patch: {} });
    return record;
  };
  const idle = await aTree({});
  const busy = await aTree({ pushed: false });
  expect((await runner.listWorktrees({ box: "box-1" })).map(({ id }) => id).sort()).toEqual([idle.id, busy.id].sort());
  expect(await outside.listWorktrees({ box: "box-1" })).toEqual([]);
  await expect(outside.findWorktree(idle.id)).rejects.toMatchObject({ code: "forbidden" });

  // A job of its own gives a runner no right to a worktree of another pool.
  await queue(store, { job: { pool: "big" } });
  const own = await take(outside, { pools: ["big"] });
  const seized = outside.saveWorktree(own.lease, { ...idle, pool: "big", box: "box-9" });
  await expect(seized).rejects.toMatchObject({ code: "forbidden" });
  expect(await store.findWorktree(idle.id)).toMatchObject({ pool: "default", box: "box-1" });

  const removal = (record: WorktreeRecord, force = false) => {
    const facts = { id: aJobId(), now: 0, pool: "elsewhere", profile: "any", maxAttempts: 9, ttlSeconds: 1 };
    const job = { ...cleanupJob(facts, { ids: [record.id], force }), priority: 10, task: "Something else." };
    return { job, tenant: record.tenant, queueTtlSeconds: 1, queue: "elsewhere" };
  };
  await expect(runner.submit(aNewJob())).rejects.toMatchObject({ code: "invalid_request" });
  await expect(runner.submit(removal(idle, true))).rejects.toMatchObject({ code: "invalid_request" });
  await expect(runner.submit(removal(busy))).rejects.toMatchObject({ code: "forbidden" });
  await expect(runner.submit({ ...removal(idle), tenant: "blue" })).rejects.toMatchObject({ code: "forbidden" });
  await expect(outside.submit(removal(idle))).rejects.toMatchObject({ code: "forbidden" });
  // It names a worktree, and not the job: that of somebody else would be its answer.
  const someones = await queue(store);
  const asked = removal(idle);
  const { job } = await runner.submit({ ...asked, job: { ...asked.job, id: someones } });
  expect(job).toMatchObject({ kind: "cleanup", pool: "default", priority: 0, ttl_seconds: 86_400 });
  expect(job.task).toContain(idle.id);
  expect(await runner.submit(removal(idle))).toMatchObject({ replayed: true, job: { id: job.id } });
  expect((await take(runner, { pools: [boxQueue("default", "box-1")] })).job.id).toBe(job.id);
});

test("what a store could not count, or would keep for good, is no argument of a runner", async () => {
  await using door = await aRunnerDoor();
  const id = await queue(door.store);
  const runner = await door.as();
  const refused = { code: "invalid_request" };
  await expect(runner.claim(aClaim({ leaseMs: 1e15 }))).rejects.toMatchObject(refused);
  const { lease: held } = await take(runner);
  await expect(runner.renew(held, { leaseMs: 1e15 })).rejects.toMatchObject(refused);
  await expect(runner.release(held, { reason: "drained", delayMs: 1e300 })).rejects.toMatchObject(refused);
  for (const cost_usd of [1e14, -1])
    await expect(runner.finish(held, { status: "succeeded", patch: { cost_usd } })).rejects.toMatchObject(refused);
  await expect(runner.takeLock({ name: "clone:0:trees", owner: "me", ttlMs: 0.5 })).rejects.toMatchObject(refused);
  expect(await door.store.get(id)).toMatchObject({ status: "running" });
});

test("a runner takes the locks of clone caches, and no others", async () => {
  await using door = await aRunnerDoor();
  const runner = await door.as();
  const lock = { name: "clone:0123abcd:trees", owner: "me", ttlMs: 60_000 };
  expect(await runner.takeLock(lock)).toBe(true);
  expect(await door.store.takeLock({ ...lock, owner: "you" })).toBe(false);
  await runner.dropLock({ name: lock.name, owner: lock.owner });
  expect(await door.store.takeLock({ ...lock, owner: "you" })).toBe(true);
  await expect(runner.takeLock({ ...lock, name: "sweep" })).rejects.toMatchObject({ code: "invalid_request" });
  await expect(runner.takeLock({ ...lock, ttlMs: 1e12 })).rejects.toMatchObject({ code: "invalid_request" });
});

test("a runner of another version of the protocol is told which side to update", async () => {
  await using door = await aRunnerDoor();
  const own = await savedKey(door.store, { scopes: ["runner"] });
  const { status, headers, body } = await door.api.post(callPath("ping"), [], { ...own.as, [protocolHeader]: "99" });
  expect({ status, told: headers.get(protocolHeader) }).toEqual({ status: 426, told: runnerProtocol });
  expect(body).toMatchObject({
    detail: expect.stringContaining("version 99"),
    remedy: expect.stringContaining("update"),
  });
  expect(await door.api.post(callPath("ping"), [], own.as)).toMatchObject({ status: 426 });
});

test("a body of megabytes is taken from a runner, and from nobody else", async () => {
  await using door = await aRunnerDoor();
  const large = JSON.stringify(["x".repeat(2 * 1024 * 1024)]);
  const [runner, person] = [await savedKey(door.store, { scopes: ["runner"] }), await savedKey(door.store)];
  const post = (as: Record<string, string>, body = large) =>
    door.api.post(callPath("retire"), body, { ...version, ...as });
  expect((await post(person.as)).status).toBe(413);
  expect((await post(runner.as)).status).toBe(400); // it was read
  expect((await post(runner.as, JSON.stringify(["x".repeat(17 * 1024 * 1024)]))).status).toBe(413);
  expect((await door.api.post("/jobs", { task: "x".repeat(2 * 1024 * 1024) }, runner.as)).status).toBe(413);
});
