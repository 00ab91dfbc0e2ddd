import { InMemoryTransport } from "@modelcontextprotocol/client";
import { expect, test } from "vitest";
import { nobody } from "../../../api/auth.ts";
import { mcpServer } from "../../../api/mcp/server.ts";
import type { Job } from "../../../shared/job.ts";
import { aClaim, aQuestion } from "../../support/a-job.ts";
import { aServedApi } from "../../support/a-served-api.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import {
  anMcpClient,
  anSseClient,
  type ClientFacts,
  elicitingClient,
  eras,
  mcpClient,
} from "../../support/an-mcp-client.ts";

const clientOf = (api: TestApi, facts: ClientFacts) => anMcpClient((request) => api.app.fetch(request), facts);
const question = aQuestion();

/** A job whose runner, which the test is, asks this. */
async function asking(api: TestApi, as: Record<string, string> = {}) {
  const { id } = (await api.post("/jobs", { task: "x" }, as)).body["job"] as Job;
  return await claimed(api, id);
}

async function claimed(api: Pick<TestApi, "store">, id: string) {
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  const renew = (patch: object = {}) => api.store.renew(claim.lease, { leaseMs: 60_000, patch });
  await renew({ questions: [question] });
  return { id, renew, args: { job_id: id, until: "end", timeout_seconds: 0 } };
}

test("wait_for_job has the client ask its user, and takes what the user says to the job", async () => {
  await using api = await anApi();
  const asked: string[] = [];
  const elicit = (message: string) => {
    asked.push(message);
    return { action: "accept" as const, content: { decision: "deny", message: "Not today" } };
  };
  await using mcp = await clientOf(api, { elicit });
  const { args, id, renew } = await asking(api);
  const waited = await mcp.call("wait_for_job", args);
  expect(asked).toEqual([expect.stringContaining('may Claude use Bash with this? {"command":"rm -rf build"}')]);
  expect(waited).toMatchObject({ isError: false, body: { job: { id, status: "running" } } });
  expect((await renew()).messages).toMatchObject([
    { id: question.question_id, text: "Not today", answer: { decision: "deny" } },
  ]);
});

test.each([
  ["a user who declines has denied it", { action: "decline" }, ["deny"]],
  ["a user who dismisses it has said nothing: it stays open", { action: "cancel" }, []],
  ["what is no answer is none", { action: "accept", content: { decision: "maybe" } }, []],
  ["a permission is one", { action: "accept", content: { decision: "allow", message: "go" } }, ["allow"]],
] as const)("%s", async (_, said, decisions) => {
  await using api = await anApi();
  await using mcp = await clientOf(api, { elicit: () => said as never });
  const { args, renew } = await asking(api);
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: false, body: { success: true } });
  expect((await renew()).messages.map(({ answer }) => answer?.decision)).toEqual(decisions);
});

test("what Claude asks is for whoever may read the job: a key that only submits learns nothing of it", async () => {
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
  const owner = await savedKey(api.store, { tenant: "team-a" });
  const writer = await savedKey(api.store, { tenant: "team-a", scopes: ["submit"] });
  const asked: string[] = [];
  const elicit = (message: string) => {
    asked.push(message);
    return { action: "cancel" as const };
  };
  const { args } = await asking(api, owner.as);
  await using mcp = await clientOf(api, { elicit, headers: writer.as });
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: true, body: { code: "forbidden" } });
  expect(asked).toEqual([]);
});

test("an answer that somebody else has given first stands", async () => {
  await using api = await anApi();
  const { args, id, renew } = await asking(api);
  const { question_id } = question;
  const elicit = async () => {
    await api.post(`/jobs/${id}/answers`, { question_id, decision: "deny" });
    return { action: "accept" as const, content: { decision: "allow" } };
  };
  await using mcp = await clientOf(api, { elicit });
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: false });
  expect((await renew()).messages).toMatchObject([{ answer: { decision: "deny" } }]);
});

test.each(eras)("a client that can ask nobody is told in the answer what to do (%s)", async (era) => {
  await using api = await anApi();
  await using mcp = await clientOf(api, { era });
  const { args } = await asking(api);
  const { body } = await mcp.call("wait_for_job", args);
  expect(body["hint"]).toContain("call answer_question");
});

test("over HTTP a client of the 2025 revisions cannot be asked back, and is told in the answer what to do", async () => {
  await using api = await anApi();
  const elicit = () => {
    throw new Error("nobody is asked");
  };
  await using mcp = await clientOf(api, { era: "legacy", elicit });
  const { args } = await asking(api);
  expect((await mcp.call("wait_for_job", args)).body["hint"]).toContain("call answer_question");
});

test("a key that may only read is not asked for answers", async () => {
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
  const writer = await savedKey(api.store, { tenant: "team-a", scopes: ["submit", "read"] });
  const reader = await savedKey(api.store, { tenant: "team-a", scopes: ["read"] });
  const elicit = () => {
    throw new Error("nobody is asked");
  };
  await using mcp = await clientOf(api, { elicit, headers: reader.as });
  const { args, renew } = await asking(api, writer.as);
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: false });
  expect((await renew()).messages).toEqual([]);
});

test("over a connection of its own a client of the 2025 revisions is asked as well", async () => {
  await using api = await anApi();
  const client = elicitingClient("legacy", () => ({ action: "accept", content: { decision: "allow" } }));
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await mcpServer(api.deps, { caller: nobody, era: "legacy" }).connect(ours);
  await client.connect(theirs);
  await using mcp = mcpClient(client);
  const { args, renew } = await asking(api);
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: false, body: { success: true } });
  expect((await renew()).messages).toMatchObject([{ answer: { decision: "allow", by: "local" } }]);
});

test("so is one over HTTP+SSE, whichever instance its user's answer comes to", async () => {
  await using served = await aServedApi();
  await using other = await anApi({ store: served.store });
  const divided: typeof fetch = async (to, init) => {
    const { pathname, search } = new URL(String(to));
    return init?.method === "POST" ? await other.app.request(`${pathname}${search}`, init) : await fetch(to, init);
  };
  const elicit = () => ({ action: "accept" as const, content: { decision: "deny", message: "No." } });
  await using mcp = await anSseClient(served.url, { fetch: divided, elicit });
  const { id } = (await mcp.call("run_task", { task: "x" })).body["job"] as Job;
  const { args, renew } = await claimed(served, id);
  expect(await mcp.call("wait_for_job", args)).toMatchObject({ isError: false, body: { success: true } });
  expect((await renew()).messages).toMatchObject([{ text: "No.", answer: { decision: "deny" } }]);
});
