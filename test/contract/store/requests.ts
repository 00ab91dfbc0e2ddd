import { expect, test } from "vitest";
import { aClaim, aJobId, aMessage } from "../../support/a-job.ts";
import { hour, lease, minute, type OpenWorld, queue, read, refused, take, told } from "./store-world.ts";

export function requestsContract(open: OpenWorld): void {
  test("a queued job is cancelled at once", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);

    const job = await store.cancel(id, { name: "ada" });

    expect(job).toMatchObject({ id, status: "cancelled", error_code: "cancelled" });
    expect(job?.ended_at).toBe(job?.cancel_requested_at);
    expect(job).not.toHaveProperty("queue_position");
    expect(await told(store, id)).toEqual(["job.queued", "cancel.requested", "job.cancelled"]);
    expect(await store.claim(aClaim())).toBeUndefined();
  });

  test("a running job goes on until its runner ends it; asking twice is asking once", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);

    const job = await store.cancel(id, { name: "ada" });
    await world.advance(minute);

    expect(job).toMatchObject({ status: "running" });
    expect(await store.cancel(id, { name: "bob" })).toEqual(job);
    expect(await told(store, id)).toEqual(["job.queued", "job.claimed", "cancel.requested"]);
    expect(await store.finish(held, { status: "cancelled", patch: {} })).toMatchObject({
      status: "cancelled",
      cancel_requested_at: job?.cancel_requested_at,
    });
  });

  test("an ended job is not changed by a cancel", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const job = await store.finish((await take(store)).lease, { status: "succeeded", patch: {} });

    expect(await store.cancel(id, { name: "ada" })).toEqual(job);
    expect((await told(store, id)).at(-1)).toBe("job.succeeded");
  });

  test("another tenant's job is not there: not to cancel, retry or talk to", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { tenant: "blue" });

    expect(await store.cancel(id, { name: "eve", tenant: "red" })).toBeUndefined();
    expect(await store.cancel(aJobId(), { name: "eve" })).toBeUndefined();
    await refused(store.addMessage(id, aMessage(), "red"), "not_found");
    await refused(store.addMessage(aJobId(), aMessage()), "not_found");
    expect(await store.cancel(id, { name: "ada", tenant: "blue" })).toMatchObject({ status: "cancelled" });
    await refused(store.retry(id, "red"), "not_found");
    await refused(store.retry(aJobId()), "not_found");
    expect(await read(store, id)).toMatchObject({ status: "cancelled" });
  });

  test("an ended job is queued again: its ending goes, its session, branch, cost and attempts stay", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const kept = {
      session_id: "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10",
      branch: "agenticore-1",
      worktree_path: "/w",
      cost_usd: 2,
      pr_url: "https://h/pr/1",
    };
    const trouble = { code: "pr_failed", sentence: "No.", remedy: "Do." } as const;
    const gone = {
      exit_code: 1,
      output: "no",
      error: "No.",
      error_code: "claude_failed",
      remedy: "Do.",
      pr_error: trouble,
    } as const;
    const first = await take(store);
    await store.finish(first.lease, { status: "failed", patch: { ...kept, ...gone } });

    const job = await store.retry(id);

    expect(job).toMatchObject({ id, status: "queued", queue_position: 1, attempt: 1, ...kept });
    expect(job.attempts).toHaveLength(1);
    for (const name of [...Object.keys(gone), "ended_at", "started_at", "result", "phase"])
      expect(job).not.toHaveProperty(name);
    expect((await store.events(id, {})).events.at(-1)).toMatchObject({ type: "job.queued", data: { reason: "retry" } });
    const second = await take(store);
    expect(second).toMatchObject({ continues: true, job: { id, attempt: 2, session_id: kept.session_id } });
    expect(second.lease.fence).toBeGreaterThan(first.lease.fence);
    await store.finish(second.lease, { status: "succeeded", patch: {} });
    expect((await read(store, id)).attempts.map((attempt) => attempt.number)).toEqual([1, 2]);
  });

  test("a retry keeps Claude's good end where only the publication failed, and not where the job succeeded", async () => {
    await using world = await open();
    const { store } = world;
    const usage = { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
    const result = { subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, usage, models: [] };
    const end = { exit_code: 0, output: "Done.", result };
    for (const status of ["failed", "succeeded"] as const) {
      const id = await queue(store);
      const { lease } = await take(store);
      await store.finish(lease, { status, patch: end });
      const job = await store.retry(id);
      if (status === "failed") expect(job).toMatchObject(end);
      else for (const name of Object.keys(end)) expect(job).not.toHaveProperty(name);
      await store.cancel(id, { name: "the test" });
    }
  });

  test("for publication only a job keeps Claude's end, its warnings and a mark, until it is retried for good", async () => {
    await using world = await open();
    const { store } = world;
    const usage = { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
    const result = { subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, usage, models: [] };
    const end = {
      exit_code: 0,
      output: "Done.",
      result,
      warnings: ["Take care."],
      commit: "c0ffee",
      branch: "agenticore-1",
    };
    const trouble = { code: "pr_failed", sentence: "No.", remedy: "Do." } as const;
    const id = await queue(store);
    await refused(store.retry(id, undefined, "publish"), "conflict");
    await store.finish((await take(store)).lease, { status: "succeeded", patch: { ...end, pr_error: trouble } });

    const job = await store.retry(id, undefined, "publish");

    expect(job).toMatchObject({ ...end, status: "queued", publish_only: true });
    for (const name of ["pr_error", "ended_at"]) expect(job).not.toHaveProperty(name);
    expect((await store.events(id, {})).events.at(-1)).toMatchObject({
      type: "job.queued",
      data: { reason: "publish" },
    });
    const second = await take(store);
    expect(second).toMatchObject({ continues: true, job: { ...end, publish_only: true } });
    await store.finish(second.lease, { status: "succeeded", patch: {} });
    const again = await store.retry(id);
    for (const name of ["publish_only", "output", "result", "exit_code", "warnings"])
      expect(again).not.toHaveProperty(name);
  });

  test("a live job cannot be retried", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    await refused(store.retry(id), "conflict");
    await take(store);
    await refused(store.retry(id), "conflict");
  });

  test("a retried job goes behind those that wait, is not cancelled any more and has its losses forgiven", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { max_attempts: 1 } });
    await store.release((await take(store)).lease, { reason: "crashed" });
    const other = await queue(store);

    expect(await store.retry(id)).toMatchObject({ queue_position: 2 });
    expect((await take(store)).job.id).toBe(other);
    await store.cancel(id, { name: "ada" });
    expect(await store.retry(id)).not.toHaveProperty("cancel_requested_at");
    const { lease: held } = await take(store);
    expect((await store.renew(held, { leaseMs: lease })).cancel).toBeUndefined();
    await store.release(held, { reason: "drained" });
    expect(await read(store, id)).toMatchObject({ status: "queued" });
    expect(await store.release((await take(store)).lease, { reason: "crashed" })).toMatchObject({ status: "failed" });
  });

  test("a retried job has its queue time and its TTL anew", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { queueTtlSeconds: 3_600, job: { ttl_seconds: 7_200 } });
    await world.advance(hour);
    await store.sweep();
    expect(await read(store, id)).toMatchObject({ status: "expired" });
    await store.retry(id);
    await world.advance(hour - 1_000);
    await store.sweep();
    expect(await read(store, id)).toMatchObject({ status: "queued" });
    await world.advance(1_000);
    await store.sweep();
    expect(await read(store, id)).toMatchObject({ status: "expired" });
    await world.advance(2 * hour - 1_000);
    await store.sweep();
    expect(await read(store, id)).toMatchObject({ status: "expired" });
  });

  test("a message is stored before the answer, told of once, and refused when the job has ended", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const message = aMessage({ mode: "interrupt" });

    expect(await store.addMessage(id, message)).toMatchObject({ id, status: "queued" });
    await store.addMessage(id, message);

    expect((await store.events(id, {})).events.slice(1)).toMatchObject([
      { type: "message.received", data: { message_id: message.id, mode: "interrupt" } },
    ]);
    const { lease: held, messages } = await take(store);
    expect(messages).toEqual([message]);
    await store.finish(held, { status: "succeeded", patch: {} });
    await refused(store.addMessage(id, aMessage()), "conflict");
  });
}
