import { expect, test } from "vitest";
import { maxBodyBytes } from "../../../api/body.ts";
import { Secret } from "../../../shared/secret.ts";
import { anApi, type Reply, type TestApi } from "../../support/an-api.ts";
import { anMcpClient } from "../../support/an-mcp-client.ts";

const accept = { accept: "application/json, text/event-stream" };
const envelope = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const modern = { "mcp-protocol-version": "2026-07-28" };
const message = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: 1, method, params });
const call = (name: unknown, args: unknown) => message("tools/call", { name, arguments: args });
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

const post = (api: TestApi, body: unknown, headers: Record<string, string> = {}) =>
  api.post("/mcp", body, { ...accept, ...headers });
/** A refusal, or an answer with an error in it; never a fault of ours, and nothing of our insides. */
function expectHarmless(what: unknown, { status, text }: Reply) {
  expect([what, status < 500]).toEqual([what, true]);
  expect(text).not.toMatch(/\bat .*\.(?:ts|mjs|js):\d+|node_modules|node:internal|\/api\//);
}

test.each([
  ["no JSON", "{"],
  ["nothing", ""],
  ["null", "null"],
  ["a number", "1"],
  ["a text", '"tools/list"'],
  ["an empty object", {}],
  ["an empty batch", []],
  ["a batch of rubbish", [1, null, {}]],
  ["a batch of a thousand calls", Array.from({ length: 1000 }, (_, id) => ({ ...message("tools/list"), id }))],
  ["a batch with a modern call", [message("tools/list", { _meta: envelope })]],
  ["another version of JSON-RPC", { ...message("tools/list"), jsonrpc: "1.0" }],
  ["an id that is an object", { ...message("tools/list"), id: { a: 1 } }],
  ["a huge id", { ...message("tools/list"), id: 1e308 }],
  ["a method that is no text", { ...message("x"), method: 5 }],
  ["an unknown method", message("no/such")],
  ["a method named like a property", message("__proto__")],
  ["params that are a list", { ...message("tools/call"), params: [1] }],
  ["an answer that nobody asked for", { jsonrpc: "2.0", id: 7, result: {} }],
  ["an error that nobody asked for", { jsonrpc: "2.0", id: 7, error: { code: -1, message: "x" } }],
  ["a notification that we do not know", { jsonrpc: "2.0", method: "notifications/none" }],
  ["a cancellation of nothing", { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 9 } }],
  ["initialize without params", message("initialize")],
  [
    "initialize of the year 1999",
    message("initialize", { protocolVersion: "1999-01-01", capabilities: {}, clientInfo: { name: "x", version: "1" } }),
  ],
  ["a tool without a name", message("tools/call", {})],
  ["a tool named by a number", call(5, {})],
  ["an unknown tool", call("drop_tables", {})],
  ["a tool named like a property", call("__proto__", {})],
  ["arguments that are a list", call("run_task", ["x"])],
  ["arguments that are null", call("run_task", null)],
  ["no arguments", call("run_task", undefined)],
  ["a task that is a number", call("run_task", { task: 5 })],
  ["an empty task", call("run_task", { task: " " })],
  ["a task that is too long", call("run_task", { task: "x".repeat(100_001) })],
  ["an unknown argument", call("run_task", { task: "x", colour: "red" })],
  ["a wait of a year", call("run_task", { task: "x", wait: true, wait_seconds: 31_536_000 })],
  [
    "a priority beyond numbers",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task","arguments":{"task":"x","priority":1e999}}}',
  ],
  ["a huge limit", call("list_jobs", { limit: 1e21 })],
  ["a cursor that we did not issue", call("list_jobs", { cursor: "made-up" })],
  ["an id with a path", call("get_job", { job_id: "../../etc/passwd" })],
  ["an id with a zero byte", call("get_job", { job_id: "a\u0000b" })],
  ["a repository of another kind", call("run_task", { task: "x", repo_url: "file:///etc" })],
  ["a header in a key", call("run_task", { task: "x", idempotency_key: "a\r\nset-cookie: b" })],
  [
    "a lone surrogate",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_job","arguments":{"job_id":"\\ud800"}}}',
  ],
  ["deep nesting", nested(400_000)],
  [
    "deep nesting in an argument",
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task","arguments":{"task":${nested(200_000)}}}}`,
  ],
  [
    "deep nesting in the request's own data",
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"a":${nested(200_000)}},"name":"list_jobs","arguments":{}}}`,
  ],
])("%s is answered without a fault, over both kinds of revisions, and nothing is stored", async (what, body) => {
  await using api = await anApi();
  expectHarmless(what, await post(api, body));
  expectHarmless(what, await post(api, body, { ...modern, "mcp-method": "tools/call", "mcp-name": "run_task" }));
  const params = { ...((body as { params?: object })?.params ?? {}), _meta: envelope };
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    expectHarmless(what, await post(api, { ...body, params }, modern));
  expect((await api.get("/jobs")).body["count"]).toBe(0);
});

test.each([
  ["an unknown revision", { "mcp-protocol-version": "1999-01-01" }],
  ["a revision that is no date", { "mcp-protocol-version": "x".repeat(8_000) }],
  ["a session that we did not give", { "mcp-session-id": "stolen" }],
  ["another method in the header", { ...modern, "mcp-method": "tools/call" }],
  ["another tool in the header", { ...modern, "mcp-method": "tools/list", "mcp-name": "run_task" }],
  ["only HTML accepted", { accept: "text/html" }],
  ["an event to go on from", { "last-event-id": "5" }],
])("%s is answered without a fault", async (what, headers) => {
  await using api = await anApi();
  expectHarmless(what, await post(api, message("tools/list"), headers));
  expectHarmless(what, await post(api, message("tools/list", { _meta: envelope }), headers));
  for (const method of ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"]) {
    const response = await api.fetch("/mcp", { method, headers: { ...accept, ...headers } });
    expect([what, method, response.status < 500]).toEqual([what, method, true]);
  }
});

test("what is no JSON by its header, too large, from elsewhere or without a key is refused as by REST", async () => {
  await using api = await anApi();
  const list = message("tools/list");
  expect((await post(api, list, { "content-type": "text/plain" })).status).toBe(415);
  expect((await post(api, call("run_task", { task: "x".repeat(maxBodyBytes) }))).status).toBe(413);
  expect((await post(api, list, { origin: "https://evil.example" })).status).toBe(403);
  expect((await post(api, list, { host: "evil.example" })).status).toBe(403);
  expect((await post(api, list, { origin: "http://localhost", host: "localhost" })).status).toBe(200);
  await using keyed = await anApi({ settings: { apiKeys: [new Secret("k")], loopbackOnly: false } });
  const refused = await post(keyed, list);
  expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="agenticore"']);
  expect((await keyed.post("/mcp?api_key=k", list, accept)).status).toBe(401);
});

test("what breaks inside is told without its text, and is in the log", async () => {
  await using api = await anApi();
  const errors: unknown[] = [];
  const log = { ...api.deps.log, error: (_: string, facts?: object) => void errors.push(facts) };
  const store = { ...api.store, list: () => Promise.reject(new Error("secret at /srv/db.ts:5")) };
  await using broken = await anApi({ store, log });
  await using mcp = await anMcpClient((request) => broken.app.fetch(request));
  const { isError, text } = await mcp.call("list_jobs");
  expect([isError, JSON.parse(text).code]).toEqual([true, "internal"]);
  expect(text).not.toContain("secret");
  expect(errors).toMatchObject([{ tool: "list_jobs", error: { message: "secret at /srv/db.ts:5" } }]);
});
