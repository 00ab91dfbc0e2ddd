import { describe, expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import { aClaim, aQuestion } from "../../support/a-job.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { anMcpClient, type Called, type ClientFacts, eras, type McpClient } from "../../support/an-mcp-client.ts";
import { eventually } from "../../support/eventually.ts";

const clientOf = (api: TestApi, facts?: ClientFacts) => anMcpClient((request) => api.app.fetch(request), facts);
const jobOf = ({ body }: Called) => body["job"] as Record<string, unknown> & { id: string };

/** A job that is submitted over MCP and claimed by a runner. */
async function aRunningJob(api: TestApi, mcp: McpClient) {
  const { id } = jobOf(await mcp.call("run_task", { task: "Add a test" }));
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  return { id, lease: claim.lease };
}

describe.each(eras)("a client of the %s revisions", (era) => {
  test("W-17: submits, lists, reads, messages and cancels the same jobs that REST shows", async () => {
    await using api = await anApi();
    await using mcp = await clientOf(api, { era });
    const submitted = await mcp.call("run_task", { task: "Add a test", metadata: { team: "blue" }, priority: 3 });
    const { id } = jobOf(submitted);
    expect(submitted).toMatchObject({
      isError: false,
      body: { success: true, job: { status: "queued", priority: 3 } },
    });
    expect(submitted.body["hint"]).toContain(`wait_for_job with job_id ${id}`);

    const rest = async () => (await api.get(`/jobs/${id}`)).body["job"];
    expect(jobOf(await mcp.call("get_job", { job_id: id }))).toEqual(await rest());
    expect((await mcp.call("list_jobs")).body).toMatchObject({ success: true, count: 1, jobs: [{ id }] });
    expect((await mcp.call("list_jobs", { status: "failed" })).body).toMatchObject({ count: 0, jobs: [] });
    expect(jobOf(await mcp.call("send_message", { job_id: id, text: "Hello" }))).toMatchObject({ id });
    expect(jobOf(await mcp.call("cancel_job", { job_id: id }))).toMatchObject({ id, status: "cancelled" });
    expect(await rest()).toMatchObject({ status: "cancelled" });
  });

  test("is told what it did wrong as the problem that REST would answer, with code and remedy", async () => {
    await using api = await anApi();
    await using mcp = await clientOf(api, { era });
    const unknown = await mcp.call("run_task", { task: "x", profile: "none" });
    expect(unknown).toMatchObject({ isError: true, body: { success: false, code: "profile_not_found", status: 422 } });
    expect(unknown.body["error"]).toContain("code, review");
    expect(JSON.parse(unknown.text)).toEqual(unknown.body);
    const missing = await mcp.call("get_job", { job_id: "../../etc/passwd" });
    expect(missing).toMatchObject({ isError: true, body: { code: "not_found", remedy: expect.any(String) } });
    await expect(mcp.call("drop_tables")).rejects.toThrow("There is no tool named drop_tables.");
  });

  test("sees its own tenant's jobs alone", async () => {
    const apiKeys = [new Secret("red-key"), new Secret("blue-key")];
    await using api = await anApi({ settings: { apiKeys } });
    await using red = await clientOf(api, { era, headers: { authorization: "Bearer red-key" } });
    await using blue = await clientOf(api, { era, headers: { "x-api-key": "blue-key" } });
    const { id } = jobOf(await red.call("run_task", { task: "Add a test", idempotency_key: "k" }));
    const seen = [
      await blue.call("get_job", { job_id: id }),
      await blue.call("cancel_job", { job_id: id }),
      await blue.call("send_message", { job_id: id, text: "x" }),
      await blue.call("wait_for_job", { job_id: id }),
    ];
    expect(seen.map(({ body }) => body["code"])).toEqual(seen.map(() => "not_found"));
    expect(jobOf(await blue.call("run_task", { task: "Another", idempotency_key: "k" })).id).not.toBe(id);
    expect((await red.call("list_jobs")).body).toMatchObject({ count: 1, jobs: [{ id, status: "queued" }] });
    await expect(clientOf(api, { era })).rejects.toThrow();
  });
});

test("answer_question answers what a job asks, of which every answer about the job tells", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const { id, lease } = await aRunningJob(api, mcp);
  const question = aQuestion();
  await api.store.renew(lease, { leaseMs: 60_000, patch: { questions: [question] } });
  const { question_id } = question;

  const seen = await mcp.call("get_job", { job_id: id });
  expect(jobOf(seen)).toMatchObject({ questions: [question] });
  expect(seen.body["hint"]).toMatch(/may it use Bash\?.*answer_question/);
  const answered = await mcp.call("answer_question", { job_id: id, question_id, decision: "deny", message: "No." });
  expect(answered).toMatchObject({ isError: false, body: { success: true, job: { id } } });
  expect((await api.store.renew(lease, { leaseMs: 60_000 })).messages).toMatchObject([
    { text: "No.", answer: { decision: "deny" } },
  ]);
  const again = await mcp.call("answer_question", { job_id: id, question_id, decision: "allow" });
  expect(again).toMatchObject({ isError: true, body: { code: "conflict" } });
});

test("wait_for_job gives each event once, as it comes, and no cursor once the job has ended", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const { id, lease } = await aRunningJob(api, mcp);
  const first = (await mcp.call("wait_for_job", { job_id: id })).body;
  const next = mcp.call("wait_for_job", { job_id: id, after: first["next"] });
  await api.store.renew(lease, {
    leaseMs: 60_000,
    events: [{ type: "claude.said", data: { text: "y".repeat(9_000) } }],
  });
  const second = (await next).body as { events: { type: string; data: { text: string } }[]; next: string };
  const last = mcp.call("wait_for_job", { job_id: id, after: second.next });
  await api.store.finish(lease, { status: "succeeded", patch: { output: "Done." } });
  const third = (await last).body;

  const types = (body: Record<string, unknown>) => (body["events"] as { type: string }[]).map(({ type }) => type);
  expect([types(first), types(second), types(third)]).toEqual([
    ["job.queued", "job.claimed"],
    ["claude.said"],
    ["job.succeeded"],
  ]);
  expect(second.events[0]?.data.text.length).toBeLessThan(2_100);
  expect(third).toMatchObject({ job: { status: "succeeded", output: "Done." } });
  expect(third).not.toHaveProperty("next");
  expect(third).not.toHaveProperty("hint");
});

test("wait_for_job until the end passes over what happens in between", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const { id, lease } = await aRunningJob(api, mcp);
  let answered = false;
  const end = mcp.call("wait_for_job", { job_id: id, until: "end" }).finally(() => {
    answered = true;
  });
  await api.store.renew(lease, { leaseMs: 60_000, events: [{ type: "claude.said", data: { text: "Hello" } }] });
  expect(answered).toBe(false);
  await api.store.finish(lease, { status: "failed", patch: { error_code: "max_turns", error: "No." } });
  expect((await end).body).toMatchObject({ job: { status: "failed", error_code: "max_turns" } });
});

test("wait_for_job without news answers in its time, with a cursor that goes on", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const { id, lease } = await aRunningJob(api, mcp);
  const { next } = (await mcp.call("wait_for_job", { job_id: id })).body;
  const quiet = (await mcp.call("wait_for_job", { job_id: id, after: next, timeout_seconds: 0 })).body;
  expect(quiet).toMatchObject({ success: true, events: [], job: { status: "running" }, next: expect.any(String) });
  await api.store.finish(lease, { status: "succeeded", patch: {} });
  const over = (await mcp.call("wait_for_job", { job_id: id, after: quiet["next"] })).body;
  expect(over).toMatchObject({ events: [{ type: "job.succeeded" }] });
  const foreign = await mcp.call("wait_for_job", { job_id: id, after: "made-up" });
  expect(foreign).toMatchObject({ isError: true, body: { code: "invalid_request" } });
});

test("run_task with wait answers with the end, or with the job as it stands and how to go on", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const early = await mcp.call("run_task", { task: "x", wait: true, wait_seconds: 1 });
  expect(early).toMatchObject({ isError: false, body: { job: { status: "queued", mode: "sync" } } });
  expect(early.body["hint"]).toContain("wait_for_job");
  await mcp.call("cancel_job", { job_id: jobOf(early).id });

  const waiting = mcp.call("run_task", { task: "y", wait: true });
  const claim = await eventually(() => api.store.claim(aClaim()));
  await api.store.finish(claim.lease, { status: "succeeded", patch: { pr_url: "https://github.com/a/b/pull/1" } });
  const done = (await waiting).body;
  expect(done).toMatchObject({ job: { status: "succeeded", pr_url: "https://github.com/a/b/pull/1" } });
  expect(done).not.toHaveProperty("hint");
});

test("the same idempotency key gives the same job, and another request with it is told", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const ask = (task: string) => mcp.call("run_task", { task, idempotency_key: "k-1" });
  const [first, again, other] = [await ask("x"), await ask("x"), await ask("y")];
  expect(jobOf(again).id).toBe(jobOf(first).id);
  expect(other).toMatchObject({ isError: true, body: { code: "invalid_request", status: 422 } });
});

test("the list of tools costs a model less than 3,000 tokens", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const { tools } = await mcp.client.listTools();
  // Four characters to a token is what common tokenizers make of English and JSON; a bound, not a count.
  const tokens = JSON.stringify(tools).length / 4;
  expect(tokens).toBeLessThan(3_000);
  expect(mcp.client.getInstructions()?.length).toBeLessThan(2_000);
  for (const tool of tools)
    expect(tool).toMatchObject({
      title: expect.any(String),
      inputSchema: { type: "object" },
      outputSchema: { type: "object" },
      annotations: { readOnlyHint: expect.any(Boolean) },
    });
});

test("worktrees are prepared, read, listed and removed as over REST", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const prepared = await mcp.call("prepare_worktree", { repo_url: "https://github.com/acme/widget" });
  const { id } = jobOf(prepared);
  expect(prepared.body).toMatchObject({ job: { kind: "prepare", status: "queued" }, hint: expect.any(String) });
  const { worktree } = (await mcp.call("get_worktree", { worktree_id: id })).body;
  expect(worktree).toEqual((await api.get(`/worktrees/${id}`)).body["worktree"]);
  expect(worktree).toMatchObject({ id, status: "preparing" });
  expect((await mcp.call("list_worktrees")).body).toEqual((await api.get("/worktrees")).body);
  expect((await mcp.call("cleanup_worktrees", { max_age_hours: 1 })).body).toMatchObject({ count: 0, jobs: [] });
  expect(await mcp.call("cleanup_worktrees")).toMatchObject({ isError: true, body: { code: "invalid_request" } });
  expect(await mcp.call("get_worktree", { worktree_id: "x" })).toMatchObject({ body: { code: "not_found" } });
});

test("profiles are those that REST lists", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  expect((await mcp.call("list_profiles")).body).toEqual((await api.get("/profiles")).body);
});
