import { expect, test } from "vitest";
import { JobId } from "../../../shared/job.ts";
import { type AWorker, startWorker } from "../../support/a-worker.ts";
import { anMcpClient } from "../../support/an-mcp-client.ts";
import { eventually } from "../../support/eventually.ts";
import { mcpRpc, tasksExtension } from "../../support/mcp-rpc.ts";
import { doorContract } from "./door-contract.ts";
import { configuredKey, nodeDoor } from "./door-world.ts";

let worker: AWorker | undefined;
const { world, door, caller } = doorContract("a door on workerd", async (env) => {
  worker = await startWorker(env);
  return worker;
});

test("a client that goes from door to door in the middle of a job, two on Node and one on workerd, sees one job", async () => {
  await using one = await nodeDoor(world().env);
  await using two = await nodeDoor(world().env);
  const urls = [one.url, door().url, two.url];
  let turn = 0;
  const me = await caller();
  const next = () => urls[turn++ % urls.length] ?? "";
  await using agent = await anMcpClient((request) => fetch(`${next()}/mcp`, request), { headers: me.as });
  const submit = () => agent.call("run_task", { task: "x", pool: me.pool, idempotency_key: "k" });
  const job_id = ((await submit()).body["job"] as { id: string }).id;
  const { lease } = await world().claim(me.pool);
  const seen: string[] = [];
  for (let after: unknown, ended = false; !ended; ended = after === undefined) {
    const { body } = await agent.call("wait_for_job", { job_id, ...(after ? { after } : {}) });
    seen.push(...(body["events"] as { type: string }[]).map(({ type }) => type));
    after = body["next"];
    if (seen.length === 2) await agent.call("send_message", { job_id, text: "Go on", mode: "queue" });
    if (seen.length === 3) {
      expect((await world().store.renew(lease, { leaseMs: 60_000 })).messages).toMatchObject([{ text: "Go on" }]);
      await world().store.finish(lease, { status: "succeeded", patch: {} });
    }
  }
  expect(seen).toEqual(["job.queued", "job.claimed", "message.received", "job.succeeded"]);
  expect((await submit()).body).toMatchObject({ job: { id: job_id, status: "succeeded" } });
  for (const url of urls) {
    const rpc = mcpRpc((request) => fetch(request), {
      url: `${url}/mcp`,
      headers: me.as,
      extensions: [tasksExtension],
    });
    expect((await rpc("tasks/get", { taskId: job_id })).result).toMatchObject({ taskId: job_id, status: "completed" });
    expect(await (await fetch(`${url}/jobs/${job_id}`, { headers: me.as })).json()).toMatchObject({
      job: { id: job_id, status: "succeeded" },
    });
  }
});

test("the cron trigger ends leases whose time is over", async () => {
  const me = await caller();
  const id = await me.submit();
  const { store } = world();
  await store.claim({ claimId: id, runner: "box-1/a1", pod_name: "box-1", pools: [me.pool], leaseMs: 1 });
  // A lease has some grace behind its end.
  await eventually(async () => {
    await worker?.sweep();
    return (await store.get(JobId.parse(id)))?.attempts[0]?.reason === "lease_lost";
  });
});

test("answers that are there at once come at once, whatever waits beside them", async () => {
  const me = await caller();
  const id = await me.submit();
  const waits = Array.from({ length: 20 }, () => me.get(`/jobs/${id}?wait=30`));
  for (const _ of [1, 2, 3]) expect((await me.get(`/jobs/${id}`)).body["job"]).toMatchObject({ status: "queued" });
  await world().claim(me.pool);
  for (const { body } of await Promise.all(waits)) expect(body["job"]).toMatchObject({ status: "running" });
});

test("while Redis is away whoever asks is told so and when to come back, and then all is as it was", async () => {
  const me = await caller();
  const id = await me.submit();
  const key = { "x-api-key": configuredKey, authorization: "" };
  await world().redis.stop();
  const answers = await Promise.all([
    me.send("POST", "/jobs", { task: "x" }, key),
    me.get(`/jobs/${id}`, key),
    me.get(`/jobs/${id}/events`, key),
    me.get("/jobs"),
  ]);
  for (const { status, headers, body } of answers) {
    expect([status, headers.get("retry-after")]).toEqual([503, "5"]);
    expect(body).toMatchObject({ success: false, code: "store_unavailable" });
  }
  expect((await me.get("/health")).status).toBe(200);
  await world().redis.restart();
  await eventually(async () => (await me.get(`/jobs/${id}`)).status === 200);
});

test("nothing of one request was used by another, and nothing was thrown that nobody caught", () => {
  expect(worker?.lines().filter((line) => /different request|hung|[Uu]ncaught|unhandled/.test(line))).toEqual([]);
  // It writes what it has to say: the outage of the test before.
  expect(worker?.lines().some((line) => line.includes("is away"))).toBe(true);
});
