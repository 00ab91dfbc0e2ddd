import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { startStdio } from "../../../api/stdio.node.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import type { JobPatch } from "../../../shared/job.ts";
import { silentLog } from "../../../shared/log.ts";
import { aClaim, aQuestion } from "../../support/a-job.ts";
import { aConfig } from "../../support/a-served-api.ts";
import { anApi, aStore, someProfiles, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { anMcpClient, type Era } from "../../support/an-mcp-client.ts";
import { tasksExtension as extension, mcpRpc, type Rpc } from "../../support/mcp-rpc.ts";
import { memoryLog } from "../../support/memory-log.ts";

const rpcOf = (api: TestApi, facts: Parameters<typeof mcpRpc>[1] = {}) =>
  mcpRpc((request) => api.app.fetch(request), { extensions: [extension], ...facts });
const call = (name: string, args: object = {}) => ["tools/call", { name, arguments: args }] as const;

/** Submits a job as a task, and gives its id. */
async function aTask(rpc: Rpc, request: object = {}): Promise<string> {
  const { result } = await rpc(...call("run_task", { task: "Add a test", ...request }));
  return String(result["taskId"]);
}

async function end(api: TestApi, status: "succeeded" | "failed", patch: JobPatch = {}): Promise<void> {
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  await api.store.finish(claim.lease, { status, patch });
}

test("run_task of a client that has the extension is a task whose id is the job's, until it has the job's result", async () => {
  await using api = await anApi();
  await using other = await anApi({ store: api.store });
  const rpc = rpcOf(api);
  const { result } = await rpc(...call("run_task", { task: "Add a test" }));
  expect(result).toMatchObject({ resultType: "task", status: "working", statusMessage: "queued", ttlMs: null });
  const { taskId, createdAt, pollIntervalMs } = result;
  expect([pollIntervalMs, result["lastUpdatedAt"]]).toEqual([5_000, createdAt]);
  expect((await api.get(`/jobs/${taskId}`)).body["job"]).toMatchObject({ id: taskId, created_at: createdAt });

  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  await api.store.renew(claim.lease, { leaseMs: 60_000, patch: { phase: "running" } });
  // Any instance over the same store answers.
  const working = await rpcOf(other)("tasks/get", { taskId });
  expect(working.result).toMatchObject({ resultType: "complete", taskId, status: "working", statusMessage: "running" });
  expect(working.result).not.toHaveProperty("result");

  await api.store.finish(claim.lease, {
    status: "succeeded",
    patch: { output: "Done.", pr_url: "https://a.example/1" },
  });
  const { result: done } = await rpc("tasks/get", { taskId });
  expect(done).toMatchObject({ taskId, status: "completed", statusMessage: "https://a.example/1" });
  expect(done["ttlMs"]).toBeGreaterThanOrEqual(86_400_000);
  const { body } = await api.get(`/jobs/${taskId}`);
  const text = JSON.stringify({ success: true, job: body["job"] });
  expect(done["result"]).toEqual({
    structuredContent: { success: true, job: body["job"] },
    content: [{ type: "text", text }],
  });
  expect(done["lastUpdatedAt"]).toBe((body["job"] as { ended_at: string }).ended_at);
});

test("a client that waits by tasks is not kept waiting by `wait`", async () => {
  await using api = await anApi();
  const taskId = await aTask(rpcOf(api), { wait: true, wait_seconds: 50 });
  expect((await api.get(`/jobs/${taskId}`)).body["job"]).toMatchObject({ mode: "fire_and_forget", status: "queued" });
});

test("a job that failed is a task that was completed with an error, which says what to do", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const taskId = await aTask(rpc);
  await end(api, "failed", { error_code: "max_turns", error: "It went on for too long.", remedy: "Raise it." });
  const { result } = await rpc("tasks/get", { taskId });
  expect(result).toMatchObject({
    status: "completed",
    statusMessage: "It went on for too long.",
    result: { isError: true, structuredContent: { job: { error_code: "max_turns", remedy: "Raise it." } } },
  });
});

test("a task is cancelled as its job is, and to cancel it again changes nothing", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const taskId = await aTask(rpc);
  for (const _ of [1, 2]) {
    const { status, result } = await rpc("tasks/cancel", { taskId });
    expect([status, Object.keys(result).sort()]).toEqual([200, ["_meta", "resultType"]]);
  }
  const { result } = await rpc("tasks/get", { taskId });
  expect(result).toMatchObject({ status: "cancelled" });
  expect(result).not.toHaveProperty("result");
  expect((await api.get(`/jobs/${taskId}`)).body["job"]).toMatchObject({ status: "cancelled" });
});

test("a running job that was told to stop says so until it has", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const taskId = await aTask(rpc);
  await api.store.claim(aClaim());
  await rpc("tasks/cancel", { taskId });
  const { result } = await rpc("tasks/get", { taskId });
  expect(result).toMatchObject({ status: "working", statusMessage: "being cancelled" });
});

test("answers to questions that no task has asked are taken and ignored", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const taskId = await aTask(rpc);
  const inputResponses = { none: { action: "accept", content: {} } };
  expect((await rpc("tasks/update", { taskId, inputResponses })).result).toMatchObject({ resultType: "complete" });
  expect((await rpc("tasks/get", { taskId })).result).toMatchObject({ status: "working" });
});

test("what Claude asks is asked of the client's user, whose answer goes to Claude", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api, { capabilities: { elicitation: {} } });
  const taskId = await aTask(rpc);
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  const [one, two] = [aQuestion(), aQuestion({ tool: "WebFetch" })];
  await api.store.renew(claim.lease, { leaseMs: 60_000, patch: { questions: [one, two] } });
  const { result } = await rpc("tasks/get", { taskId });
  const form = { method: "elicitation/create", params: { message: expect.stringContaining("Bash") } };
  expect(result).toMatchObject({ status: "input_required", inputRequests: { [one.question_id]: form } });
  expect(Object.keys(result["inputRequests"] as object)).toEqual([one.question_id, two.question_id]);
  // Who cannot ask a user sees that there is something to answer.
  expect((await rpcOf(api)("tasks/get", { taskId })).result).toMatchObject({
    status: "working",
    statusMessage: expect.stringContaining("answer"),
  });

  const answers = {
    [one.question_id]: { action: "accept", content: { decision: "deny", message: "Not there." } },
    [two.question_id]: { action: "cancel" },
    "not-a-question": { action: "accept", content: { decision: "allow" } },
  };
  expect((await rpc("tasks/update", { taskId, inputResponses: answers })).result).toMatchObject({
    resultType: "complete",
  });
  const { messages } = await api.store.renew(claim.lease, { leaseMs: 60_000 });
  expect(messages).toMatchObject([{ id: one.question_id, text: "Not there.", answer: { decision: "deny" } }]);
  await api.store.finish(claim.lease, { status: "succeeded", patch: {} });
  const { result: ended } = await rpc("tasks/get", { taskId });
  expect(ended).toMatchObject({ status: "completed" });
  expect(ended).not.toHaveProperty("inputRequests");
});

test("a job that came by REST, and a worktree that is prepared, can be asked for as tasks too", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const id = await api.submit();
  expect((await rpc("tasks/get", { taskId: id })).result).toMatchObject({ taskId: id, status: "working" });
  const { result } = await rpc(...call("prepare_worktree", { repo_url: "https://github.com/octo/one" }));
  expect(result).toMatchObject({ resultType: "task", status: "working" });
  // What ends at once is answered at once.
  expect((await rpc(...call("get_job", { job_id: id }))).result).toMatchObject({ resultType: "complete" });
});

test("a call that is refused is no task but the problem", async () => {
  await using api = await anApi();
  const { result } = await rpcOf(api)(...call("run_task", { task: "x", profile: "none" }));
  expect(result).toMatchObject({ isError: true, structuredContent: { code: "profile_not_found" } });
  expect(result).not.toHaveProperty("taskId");
});

test("the same idempotency key gives the same task, also when it has ended", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api);
  const taskId = await aTask(rpc, { idempotency_key: "k" });
  await end(api, "succeeded");
  const { result } = await rpc(...call("run_task", { task: "Add a test", idempotency_key: "k" }));
  expect(result).toMatchObject({ resultType: "task", taskId, status: "completed" });
  expect(result).not.toHaveProperty("result");
});

test.each(["tasks/get", "tasks/update", "tasks/cancel"])(
  "%s: what is not there and what is another tenant's are one error",
  async (method) => {
    await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
    const [mine, theirs] = [await savedKey(api.store), await savedKey(api.store)];
    const taskId = await aTask(rpcOf(api, { headers: mine.as }));
    const rpc = rpcOf(api, { headers: theirs.as });
    for (const id of [taskId, "7d0f4f1e-6f0b-4a57-9f3c-1f8a9f0c7a11", "../../etc/passwd", "x".repeat(5_000)])
      expect((await rpc(method, { taskId: id })).error).toMatchObject({ code: -32602 });
    expect((await rpc(method)).error).toMatchObject({ code: -32602 });
    expect((await rpcOf(api, { headers: mine.as })("tasks/get", { taskId })).result).toMatchObject({
      status: "working",
    });
  },
);

test("tasks ask for the scopes that their verbs ask for, and a refusal is a line in the log", async () => {
  const log = memoryLog();
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false }, log });
  const { as, id } = await savedKey(api.store, { scopes: [] });
  const rpc = rpcOf(api, { headers: as });
  const asked = { "tasks/get": "read", "tasks/update": "submit", "tasks/cancel": "cancel" };
  for (const [method, scope] of Object.entries(asked)) {
    const { error } = await rpc(method, { taskId: "7d0f4f1e-6f0b-4a57-9f3c-1f8a9f0c7a11" });
    expect(error).toMatchObject({ message: expect.stringContaining(`\`${scope}\``), data: { code: "forbidden" } });
  }
  const refused = log.lines.map((line) => JSON.parse(line)).filter((line) => line["audit"]);
  expect(refused.map((line) => [line.method, line.key])).toEqual(Object.keys(asked).map((method) => [method, id]));
});

test("a client that does not have the extension gets jobs, and is told what it lacks where it asks for a task", async () => {
  await using api = await anApi();
  const rpc = rpcOf(api, { extensions: [] });
  const { result } = await rpc(...call("run_task", { task: "x" }));
  expect(result).toMatchObject({ resultType: "complete", structuredContent: { job: { status: "queued" } } });
  const { job } = result["structuredContent"] as { job: { id: string } };
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    const { status, error } = await rpc(method, { taskId: job.id });
    expect([status, error?.code]).toEqual([400, -32021]);
    expect(error?.data).toEqual({ requiredCapabilities: { extensions: { [extension]: {} } } });
  }
  expect((await api.get(`/jobs/${job.id}`)).body["job"]).toMatchObject({ status: "queued" });
});

test("the extension is told of to clients of 2026-07-28 alone; those of 2025 see nothing of it", async () => {
  await using api = await anApi();
  const clientOf = (era: Era) => anMcpClient((request) => api.app.fetch(request), { era });
  await using old = await clientOf("legacy");
  await using recent = await clientOf("modern");
  expect(recent.client.getServerCapabilities()).toMatchObject({ extensions: { [extension]: {} } });
  expect(Object.keys(old.client.getServerCapabilities() ?? {}).sort()).toEqual(["prompts", "resources", "tools"]);
  const request = { jsonrpc: "2.0", id: 1, method: "tasks/get", params: { taskId: "x" } };
  const accept = { accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25" };
  expect((await api.post("/mcp", request, accept)).text).toContain('"code":-32601');
});

test("a program that starts Agenticore over stdio gets tasks as well", async () => {
  const { store, close } = await aStore();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const parts = { config: aConfig(), store, profiles: someProfiles, clock: systemClock, log: silentLog };
  const door = startStdio({ ...parts, version: "0.1.0" }, { input, output });
  const rpc = mcpRpc(
    async (request) => {
      input.write(`${await request.text()}\n`);
      const [line] = (await once(output, "data")) as [Buffer];
      return new Response(line.toString());
    },
    { extensions: [extension] },
  );
  const { result } = await rpc(...call("run_task", { task: "Add a test" }));
  expect(result).toMatchObject({ resultType: "task", status: "working" });
  const { taskId } = result;
  expect((await rpc("tasks/get", { taskId })).result).toMatchObject({ taskId, statusMessage: "queued" });
  await door.close();
  await close();
});

test.each(["tasks/list", "tasks/result"])(
  "%s, which the extension does not have, is no method here",
  async (method) => {
    await using api = await anApi();
    const { status, error } = await rpcOf(api)(method, { taskId: "x" });
    expect([status, error?.code]).toEqual([404, -32601]);
  },
);
