import { expect, test } from "vitest";
import { anMcpClient, eras } from "../../support/an-mcp-client.ts";
import { eventually } from "../../support/eventually.ts";
import { mcpRpc, tasksExtension } from "../../support/mcp-rpc.ts";
import type { Place } from "./door-contract.ts";

export function mcp({ door, caller, world }: Place): void {
  const url = () => `${door().url}/mcp`;

  test.each(eras)(
    "a client of the %s revisions runs a task, messages it, waits for it and reads its result",
    async (era) => {
      const me = await caller();
      await using agent = await anMcpClient(undefined, { era, url: url(), headers: me.as });
      const { tools } = await agent.client.listTools();
      expect(tools.map(({ name }) => name)).toContain("run_task");
      const { body } = await agent.call("run_task", { task: "Add a test", pool: me.pool, idempotency_key: "k" });
      const job_id = (body["job"] as { id: string }).id;
      const first = await agent.call("wait_for_job", { job_id });
      expect(first.body["events"]).toMatchObject([{ type: "job.queued" }]);
      const waiting = agent.call("wait_for_job", { job_id, after: first.body["next"], timeout_seconds: 30 });
      const { lease } = await world().claim(me.pool);
      expect((await waiting).body["events"]).toMatchObject([{ type: "job.claimed" }]);
      await agent.call("send_message", { job_id, text: "And the docs", mode: "queue" });
      expect((await world().store.renew(lease, { leaseMs: 60_000 })).messages).toMatchObject([
        { text: "And the docs" },
      ]);
      await world().store.finish(lease, { status: "succeeded", patch: { output: "It is done." } });
      expect((await agent.call("get_job", { job_id })).body).toMatchObject({ job: { output: "It is done." } });
      // The same job over REST.
      expect((await me.get(`/jobs/${job_id}`)).body["job"]).toMatchObject({ status: "succeeded" });
    },
  );

  test.each(eras)("a client of the %s revisions is told of progress while it waits", async (era) => {
    const me = await caller();
    await using agent = await anMcpClient(undefined, { era, url: url(), headers: me.as });
    const job_id = await me.submit();
    const { lease } = await world().claim(me.pool);
    const told: (string | undefined)[] = [];
    const waiting = agent.client.callTool(
      { name: "wait_for_job", arguments: { job_id, until: "end", timeout_seconds: 30 } },
      { onprogress: ({ message }) => void told.push(message) },
    );
    await world().store.renew(lease, {
      leaseMs: 60_000,
      events: [{ type: "claude.said", data: { text: "Half way" } }],
    });
    await eventually(() => told.includes("Half way"));
    await world().store.finish(lease, { status: "succeeded", patch: {} });
    expect((await waiting).structuredContent).toMatchObject({ job: { status: "succeeded" } });
  });

  test("a client with the tasks extension runs a task, whose id is the job's, and cancels another", async () => {
    const me = await caller();
    const rpc = mcpRpc((request) => fetch(request), { url: url(), headers: me.as, extensions: [tasksExtension] });
    const submit = async () => {
      const call = { name: "run_task", arguments: { task: "Add a test", pool: me.pool, wait: true } };
      const { result } = await rpc("tools/call", call);
      return result;
    };
    const { taskId, ...created } = await submit();
    expect(created).toMatchObject({ resultType: "task", status: "working" });
    const { lease } = await world().claim(me.pool);
    await world().store.finish(lease, { status: "succeeded", patch: { output: "It is done." } });
    const { job } = (await me.get(`/jobs/${taskId}`)).body;
    expect((await rpc("tasks/get", { taskId })).result).toMatchObject({
      status: "completed",
      result: { structuredContent: { success: true, job } },
    });
    const other = (await submit())["taskId"];
    expect((await rpc("tasks/cancel", { taskId: other })).error).toBeUndefined();
    expect((await rpc("tasks/get", { taskId: other })).result).toMatchObject({ status: "cancelled" });
  });

  test("whoever listens to a job is told of its changes", async () => {
    const me = await caller();
    const uri = `agenticore://jobs/${await me.submit()}`;
    await using agent = await anMcpClient(undefined, { era: "modern", url: url(), headers: me.as });
    const told: string[] = [];
    agent.client.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
    const subscription = await agent.client.listen({ resourceSubscriptions: [uri] });
    await world().claim(me.pool);
    await eventually(() => told.includes(uri));
    await subscription.close();
  });

  test("errors are a tool's answer, with their code; and another tenant's job is not there", async () => {
    const [me, other] = [await caller(), await caller()];
    const job_id = await me.submit();
    await using agent = await anMcpClient(undefined, { url: url(), headers: other.as });
    const answer = await agent.call("get_job", { job_id });
    expect(answer).toMatchObject({ isError: true, text: expect.stringContaining("not_found") });
  });

  test.each([
    ["what is no JSON", "{"],
    ["a message that is none", { hello: "there" }],
    ["a method that there is not", { jsonrpc: "2.0", id: 1, method: "no/such" }],
  ])("%s is refused without a fault of the server", async (_, message) => {
    const me = await caller();
    const { status, text } = await me.send("POST", "/mcp", message, { accept: "application/json, text/event-stream" });
    expect(status).toBeLessThan(500);
    expect(text).toMatch(/"error"/);
    expect(text).not.toMatch(/node_modules|\.ts:\d/);
  });
}
