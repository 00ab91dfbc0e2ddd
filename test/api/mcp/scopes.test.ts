import { expect, test } from "vitest";
import { tools } from "../../../api/mcp/tools.ts";
import { anApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { anMcpClient, eras } from "../../support/an-mcp-client.ts";
import { memoryLog } from "../../support/memory-log.ts";

const id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const all: Readonly<Record<string, object>> = {
  run_task: { task: "Add a test" },
  get_job: { job_id: id },
  list_jobs: {},
  cancel_job: { job_id: id },
  wait_for_job: { job_id: id },
  send_message: { job_id: id, text: "Hello" },
  answer_question: { job_id: id, question_id: id, decision: "allow" },
  list_profiles: {},
  prepare_worktree: { repo_url: "https://github.com/octo/one" },
  get_worktree: { worktree_id: id },
  list_worktrees: {},
  cleanup_worktrees: { max_age_hours: 1 },
};

test.each(eras)("every tool asks for a scope, and its refusal is a line in the log (%s)", async (era) => {
  const log = memoryLog();
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false }, log });
  const key = await savedKey(api.store, { scopes: [] });
  await using mcp = await anMcpClient((request) => api.app.fetch(request), { era, headers: key.as });

  for (const { name } of tools) {
    const { isError, body } = await mcp.call(name, { ...all[name] });
    expect([name, isError, body["code"]]).toEqual([name, true, "forbidden"]);
    expect(body["detail"]).toMatch(/the scope `(submit|read|cancel)`/);
  }
  const refused = log.lines.map((line) => JSON.parse(line)).filter((line) => line["audit"]);
  expect(refused.map((line) => [line.path, line.key])).toEqual(tools.map(({ name }) => [name, key.id]));
});

test("without a key MCP is as shut as REST, and its answer is a challenge", async () => {
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
  const answer = await api.post("/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" });

  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toContain('Bearer realm="agenticore"');
});

test.each(eras)("a resource that a key may not read is a line in the log too (%s)", async (era) => {
  const log = memoryLog();
  await using api = await anApi({ settings: { requireKeys: true, loopbackOnly: false }, log });
  const key = await savedKey(api.store, { scopes: ["submit"] });
  await using mcp = await anMcpClient((request) => api.app.fetch(request), { era, headers: key.as });
  const uri = `agenticore://jobs/${id}/log`;

  await expect(mcp.client.listResources()).rejects.toThrow("the scope `read`");
  await expect(mcp.client.readResource({ uri })).rejects.toThrow("the scope `read`");
  const refused = log.lines.map((line) => JSON.parse(line)).filter((line) => line["audit"]);
  expect(refused.map((line) => [line.method, line.path, line.key, line.status])).toEqual([
    ["resources/list", "", key.id, 403],
    ["resources/read", uri, key.id, 403],
  ]);
});
