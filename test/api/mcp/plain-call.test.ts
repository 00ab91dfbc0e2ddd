import { describe, expect, test } from "vitest";
import { createApp } from "../../../api/app.ts";
import { mcpServer } from "../../../api/mcp/server.ts";
import { anApi } from "../../support/an-api.ts";

const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
type Change = Readonly<{ headers?: object; message?: object; params?: object; meta?: object }>;

/** One request to an app that answers plain calls itself, and to one that leaves all to the SDK. */
async function bothWays(change: Change = {}, prepare: (id: string) => object = () => ({})) {
  await using api = await anApi();
  const id = await api.submit();
  const sdk = createApp(api.deps, { mcp: (...of) => mcpServer(...of) });
  const params = {
    ...{ name: "get_job", arguments: { job_id: id } },
    ...{ _meta: { ...meta, ...change.meta }, ...prepare(id), ...change.params },
  };
  const headers = {
    ...{ "content-type": "application/json", accept: "application/json, text/event-stream", "x-request-id": "r" },
    ...{ "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": params.name },
    ...change.headers,
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", ...change.message, params });
  const answers = [];
  for (const app of [api.app, sdk]) {
    const response = await app.request("/mcp", { method: "POST", headers, body });
    answers.push({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    });
  }
  return answers;
}

const info = (value: unknown) => ({ meta: { "io.modelcontextprotocol/clientInfo": value } });
const can = (value: unknown) => ({ meta: { "io.modelcontextprotocol/clientCapabilities": value } });

describe("a call of a tool is answered to the byte as the SDK answers it", () => {
  test.each<[string, Change]>([
    ["as it is usual", {}],
    ["with a text for its id", { message: { id: "a" } }],
    ["of a job that is not there", { params: { arguments: { job_id: "../etc" } } }],
    ["without arguments", { params: { arguments: undefined } }],
    ["with an argument that is not known", { params: { arguments: { job_id: "x", more: 1 } } }],
    ["with another field of the envelope", { meta: { "io.modelcontextprotocol/more": 1 } }],
    ["with a token for progress", { meta: { progressToken: 3 } }],
    ["with what tools of a host add", { meta: { "claudecode/toolUseId": "t", traceparent: "00-0-0-00" } }],
    [
      "of a client that can much",
      can({ roots: { listChanged: true }, sampling: {}, elicitation: { form: {} }, extensions: { "a/b": {} } }),
    ],
    ["of a client with a title", info({ name: "n", version: "1", title: "N" })],
    ["of another client", info({ name: "n", version: "1", websiteUrl: "https://example.com" })],
    [
      "with an argument that every object has",
      { params: { arguments: JSON.parse('{"job_id":"x","__proto__":{"a":1}}') } },
    ],
    ["of a client that can tasks", can({ extensions: { "io.modelcontextprotocol/tasks": {} } })],
  ])("%s", async (_, change) => {
    const [plain, sdk] = await bothWays(change);
    expect(plain).toEqual(sdk);
    expect(plain).toMatchObject({ status: 200, body: expect.stringContaining('"resultType":"complete"') });
  });

  test.each<[string, object, string]>([
    ["list_jobs", { limit: 1 }, '"count":1'],
    ["list_profiles", {}, '"name":"code"'],
    ["list_worktrees", {}, '"worktrees":[]'],
    ["send_message", { text: "Hello" }, '"queued"'],
    ["cancel_job", {}, '"cancelled"'],
  ])("%s", async (name, args, said) => {
    const takesJob = ["send_message", "cancel_job"].includes(name);
    const [plain, sdk] = await bothWays({}, (id) => ({
      name,
      arguments: { ...args, ...(takesJob ? { job_id: id } : {}) },
    }));
    expect(plain?.body.replaceAll("\\", "")).toContain(said);
    expect(withoutTimes(plain?.body)).toEqual(withoutTimes(sdk?.body));
  });
});

/** The same message is stored twice, at two times. */
const withoutTimes = (text = "") => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "").replace(/[0-9a-f-]{36}/g, "");

describe("whatever is to be refused is refused as the SDK refuses it", () => {
  test.each<[string, Change]>([
    ["another field in the message", { message: { more: 1 } }],
    ["an id that is no whole number", { message: { id: 1.5 } }],
    ["an id that is nothing", { message: { id: null } }],
    ["another version of JSON-RPC", { message: { jsonrpc: "1.0" } }],
    ["arguments that are a list", { params: { arguments: [] } }],
    ["a name that is no text", { params: { name: 3 }, headers: { "mcp-name": "3" } }],
    ["a tool that is not there", { params: { name: "drop_tables" } }],
    ["no envelope", { params: { _meta: {} } }],
    ["another revision in the envelope", { meta: { "io.modelcontextprotocol/protocolVersion": "2025-11-25" } }],
    ["a client without a version", info({ name: "n" })],
    ["capabilities that are none", can({ elicitation: 3 })],
    ["capabilities that are a list", can([])],
    ["an extension that is a text", can({ extensions: { "a/b": "c" } })],
    ["arguments that are nothing", { params: { arguments: null } }],
    ["a level that there is not", { meta: { "io.modelcontextprotocol/logLevel": "loud" } }],
    ["a token for progress that is none", { meta: { progressToken: {} } }],
    ["another tool in the header", { headers: { "mcp-name": "list_jobs" } }],
    ["another method in the header", { headers: { "mcp-method": "tools/list" } }],
    ["another revision in the header", { headers: { "mcp-protocol-version": "2025-11-25" } }],
  ])("%s", async (_, change) => {
    const [plain, sdk] = await bothWays(change);
    expect(plain).toEqual(sdk);
    expect(plain?.body).not.toContain('"success":true');
  });
});
