import { expect, test } from "vitest";
import { aMessage, aQuestion, aRunner } from "../../support/a-job.ts";
import type { Place } from "./door-contract.ts";

export function jobsOverRest({ caller, world }: Place): void {
  test("a task is accepted with its place, and there to be read", async () => {
    const me = await caller();
    const made = await me.send("POST", "/jobs", { task: "Add a test", pool: me.pool });
    const { id } = made.body["job"] as { id: string };

    expect(made.status).toBe(202);
    expect(made.headers.get("location")).toBe(`/jobs/${id}`);
    expect(made.body).toMatchObject({ success: true, job: { status: "queued", profile: "code", pool: me.pool } });
    const read = await me.get(`/jobs/${id}`);
    expect(read.status).toBe(200);
    expect(read.body["job"]).toMatchObject({ id, task: "Add a test", status: "queued", queue_position: 1 });
  });

  test("the same idempotency key gives the same job, and is refused with another request", async () => {
    const me = await caller();
    const submit = (task: string) => me.send("POST", "/jobs", { task }, { "idempotency-key": "once" });
    const [first, again] = [await submit("one"), await submit("one")];

    expect([first.status, again.status]).toEqual([202, 200]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((again.body["job"] as { id: string }).id).toBe((first.body["job"] as { id: string }).id);
    expect((await submit("two")).status).toBe(422);
  });

  test("jobs are listed by page, newest first", async () => {
    const me = await caller();
    const ids = [await me.submit(), await me.submit(), await me.submit()].reverse();
    const first = await me.get("/jobs?limit=2");
    const rest = await me.get(`/jobs?limit=2&cursor=${first.body["next_cursor"]}`);
    const found = [first, rest].flatMap(({ body }) => (body["jobs"] as { id: string }[]).map(({ id }) => id));

    expect(found).toEqual(ids);
    expect(rest.body["next_cursor"]).toBeUndefined();
    expect((await me.get("/jobs?status=running")).body["count"]).toBe(0);
  });

  test("who waits for a job is answered when its status changes, and not before", async () => {
    const me = await caller();
    const id = await me.submit();
    let answered = false;
    const waiting = me.get(`/jobs/${id}?wait=30`).finally(() => (answered = true));
    // Another request is answered meanwhile, so that the first one waits.
    expect((await me.get(`/jobs/${id}`)).body["job"]).toMatchObject({ status: "queued" });
    expect(answered).toBe(false);
    const start = performance.now();
    await world().claim(me.pool);

    expect((await waiting).body["job"]).toMatchObject({ id, status: "running", attempt: 1 });
    expect(performance.now() - start).toBeLessThan(15_000);
  });

  test("a submission that waits is answered with the ended job", async () => {
    const me = await caller();
    const waiting = me.send("POST", "/jobs", { task: "x", pool: me.pool, wait: true, wait_seconds: 30 });
    const { store } = world();
    let claim = await store.claim({ ...someClaim, pools: [me.pool] });
    for (; !claim; claim = await store.claim({ ...someClaim, pools: [me.pool] }))
      await store.changed({ pools: [me.pool], timeoutMs: 1_000 });
    await store.finish(claim.lease, { status: "succeeded", patch: { output: "done" } });

    const { status, body } = await waiting;
    expect(status).toBe(200);
    expect(body["job"]).toMatchObject({ status: "succeeded", output: "done", mode: "sync" });
  });

  test("a queued job is cancelled at once, a running one by its runner", async () => {
    const me = await caller();
    const queued = await me.submit();
    expect((await me.send("POST", `/jobs/${queued}/cancel`)).body["job"]).toMatchObject({ status: "cancelled" });
    const running = await me.submit();
    const { lease } = await world().claim(me.pool);
    expect((await me.send("DELETE", `/jobs/${running}`)).body["job"]).toMatchObject({ status: "running" });
    expect(await world().store.renew(lease, { leaseMs: 60_000 })).toHaveProperty("cancel.by");
  });

  test("a message is stored for the runner, and refused once the job has ended", async () => {
    const me = await caller();
    const id = await me.submit();
    const { text, mode } = aMessage();
    expect((await me.send("POST", `/jobs/${id}/messages`, { text, mode })).status).toBe(202);
    const { lease } = await world().claim(me.pool);
    const { messages } = await world().store.renew(lease, { leaseMs: 60_000 });
    expect(messages).toMatchObject([{ text, mode }]);
    await world().store.finish(lease, { status: "failed", patch: {} });
    expect((await me.send("POST", `/jobs/${id}/messages`, { text, mode })).status).toBe(409);
    expect((await me.send("POST", `/jobs/${id}/retry`)).body["job"]).toMatchObject({ status: "queued" });
  });

  test("what a runner asks is part of the job, and the first answer goes to the runner", async () => {
    const me = await caller();
    const id = await me.submit();
    const { lease } = await world().claim(me.pool);
    const question = aQuestion();
    await world().store.renew(lease, { leaseMs: 60_000, patch: { questions: [question] } });
    expect((await me.get(`/jobs/${id}`)).body["job"]).toMatchObject({ questions: [question] });
    const answer = { question_id: question.question_id, decision: "deny", message: "No." };
    expect((await me.send("POST", `/jobs/${id}/answers`, answer)).status).toBe(202);
    expect((await me.send("POST", `/jobs/${id}/answers`, answer)).status).toBe(409);
    const other = { ...answer, question_id: aQuestion().question_id };
    expect((await me.send("POST", `/jobs/${id}/answers`, other)).status).toBe(404);
    const { messages } = await world().store.renew(lease, { leaseMs: 60_000 });
    expect(messages).toMatchObject([{ text: "No.", answer: { decision: "deny" } }]);
    await world().store.finish(lease, { status: "succeeded", patch: { questions: [] } });
  });

  test("profiles are the bundled ones and those that live runners have told of", async () => {
    const me = await caller();
    const own = { name: "night-shift", description: "Works at night", source: "user" };
    const record = aRunner({ id: "box-9/a1", name: "box-9", profiles: [own], last_seen: new Date().toISOString() });
    await world().store.announce(record);
    const { body } = await me.get("/profiles");

    expect((body["profiles"] as { name: string }[]).map(({ name }) => name).sort()).toEqual([
      "code",
      "night-shift",
      "review",
    ]);
    expect((await me.send("POST", "/jobs", { task: "x", profile: "night-shift" })).status).toBe(202);
    expect((await me.send("POST", "/jobs", { task: "x", profile: "nobody-has-it" })).body).toMatchObject({
      status: 422,
      code: "profile_not_found",
    });
    expect((await me.get("/runners")).body["runners"]).toMatchObject([{ name: "box-9" }]);
    await world().store.retire("box-9/a1");
  });
}

const someClaim = { claimId: "c", runner: "box-1/a1", pod_name: "box-1", leaseMs: 60_000 };
