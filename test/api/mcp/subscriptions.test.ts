import { expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import { aClaim } from "../../support/a-job.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { anMcpClient, type ClientFacts } from "../../support/an-mcp-client.ts";
import { eventually } from "../../support/eventually.ts";

const clientOf = (api: TestApi, facts?: ClientFacts) => anMcpClient((request) => api.app.fetch(request), facts);
const keyed = { apiKeys: [new Secret("red-key"), new Secret("blue-key")] };

/** What a client is told of resources, from now on. */
async function listening(mcp: Awaited<ReturnType<typeof clientOf>>, uris: readonly string[]) {
  const told: string[] = [];
  mcp.client.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
  const subscription = await mcp.client.listen({ resourceSubscriptions: [...uris] });
  return { told, subscription };
}

test("whoever listens to a job is told of its changes, also of those that another instance made", async () => {
  await using api = await anApi();
  await using other = await anApi({ store: api.store });
  const id = await api.submit();
  const [job, log, diff] = ["", "/log", "/diff"].map((rest) => `agenticore://jobs/${id}${rest}`) as [
    string,
    string,
    string,
  ];
  await using mcp = await clientOf(other);
  const { told, subscription } = await listening(mcp, [job, log, diff]);
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  await eventually(() => told.includes(log));
  await eventually(() => told.includes(job));
  told.length = 0;
  await api.store.renew(claim.lease, { leaseMs: 60_000, events: [{ type: "claude.said", data: { text: "Hello" } }] });
  await eventually(() => told.includes(job) && told.includes(log));
  expect(told).not.toContain(diff);
  await api.store.finish(claim.lease, { status: "succeeded", patch: {} });
  await eventually(() => told.includes(diff));
  await subscription.close();
});

test("whoever listens to another tenant's job hears nothing", async () => {
  await using api = await anApi({ settings: keyed });
  await using red = await clientOf(api, { headers: { "x-api-key": "red-key" } });
  await using blue = await clientOf(api, { headers: { "x-api-key": "blue-key" } });
  const { body } = await red.call("run_task", { task: "x" });
  const { id } = body["job"] as { id: string };
  const uri = `agenticore://jobs/${id}`;
  const mine = await listening(red, [uri]);
  const theirs = await listening(blue, [uri, "agenticore://jobs/../x", "file:///etc/passwd"]);
  await red.call("cancel_job", { job_id: id });
  await eventually(() => mine.told.length > 0);
  expect(theirs.told).toEqual([]);
  await Promise.all([mine.subscription.close(), theirs.subscription.close()]);
});

test("a client of the older revisions is not promised what a server without sessions cannot do", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api, { era: "legacy" });
  expect(mcp.client.getServerCapabilities()?.resources).toEqual({});
});

test("a client that goes from one instance to another in the middle of a job sees one job", async () => {
  await using api = await anApi();
  await using other = await anApi({ store: api.store });
  let turn = 0;
  await using mcp = await anMcpClient((request) => (turn++ % 2 === 0 ? api : other).app.fetch(request));
  const { body } = await mcp.call("run_task", { task: "x", idempotency_key: "k" });
  const { id } = body["job"] as { id: string };
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  let after: unknown;
  const seen: unknown[] = [];
  for (let ended = false; !ended; ended = after === undefined) {
    const answer = (await mcp.call("wait_for_job", { job_id: id, ...(after ? { after } : {}) })).body;
    seen.push(...(answer["events"] as { type: string }[]).map(({ type }) => type));
    after = answer["next"];
    if (seen.length === 2) await api.store.finish(claim.lease, { status: "succeeded", patch: {} });
  }
  expect(seen).toEqual(["job.queued", "job.claimed", "job.succeeded"]);
  const again = await mcp.call("run_task", { task: "x", idempotency_key: "k" });
  expect(again.body).toMatchObject({ job: { id, status: "succeeded" } });
});
