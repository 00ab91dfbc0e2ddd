import { expect, test } from "vitest";
import { maxBodyBytes } from "../../../api/body.ts";
import { relayBounds } from "../../../shared/relay-store.ts";
import { Secret } from "../../../shared/secret.ts";
import { anApi, reply, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { openSse, postTo } from "../../support/an-sse-stream.ts";

const ping = (id: number) => ({ jsonrpc: "2.0", id, method: "ping" });
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const keyed = { settings: { apiKeys: [new Secret("red-key"), new Secret("blue-key")], loopbackOnly: false } };
const insides = /\bat .*\.(?:ts|mjs|js):\d+|node_modules|node:internal|\/api\//;

test.each([
  ["no JSON", "{"],
  ["nothing", ""],
  ["null", "null"],
  ["a number", "1"],
  ["a text", '"ping"'],
  ["an empty object", {}],
  ["an empty batch", []],
  ["a batch", [ping(1), ping(2)]],
  ["another version of JSON-RPC", { ...ping(1), jsonrpc: "1.0" }],
  ["an id that is an object", { ...ping(1), id: { a: 1 } }],
  ["a method that is no text", { ...ping(1), method: 5 }],
  ["params that are a list", { ...ping(1), params: [1] }],
  ["deep nesting", nested(400_000)],
])("%s is refused as no message, and the session goes on", async (_, message) => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  const { status, body, text } = await sse.post(message);
  expect([status, body["code"]]).toEqual([400, "invalid_request"]);
  expect(text).not.toMatch(insides);
  expect(await sse.ask("ping")).toMatchObject({ result: {} });
});

test.each([
  ["an unknown tool", { name: "drop_tables", arguments: {} }, { error: { code: -32602 } }],
  ["a tool without a name", {}, { error: { code: -32602 } }],
  ["an empty task", { name: "run_task", arguments: { task: " " } }, { result: { isError: true } }],
  ["an unknown argument", { name: "run_task", arguments: { task: "x", a: 1 } }, { result: { isError: true } }],
  ["an id with a path", { name: "get_job", arguments: { job_id: "../../etc" } }, { result: { isError: true } }],
  ["deep nesting", { name: "run_task", arguments: { task: JSON.parse(nested(2_000)) } }, { result: { isError: true } }],
])("%s is an answer over the stream, and nothing is stored", async (_, params, answer) => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  const heard = await sse.ask("tools/call", params);
  expect(heard).toMatchObject(answer);
  expect(JSON.stringify(heard)).not.toMatch(insides);
  expect((await api.get("/jobs")).body["count"]).toBe(0);
});

const other = "0".repeat(64);
test.each([
  ["a session that there never was", 404, `/messages?session_id=${other}`],
  ["a session with a path in it", 404, "/messages?session_id=..%2F..%2Fjobs"],
  ["a session with a line in it", 404, `/messages?session_id=${other}%0D%0Ax`],
  ["an empty session", 404, "/messages?session_id="],
  ["a very long one", 404, `/messages?session_id=${"0".repeat(4_000)}`],
  ["one named like a property", 404, "/messages?session_id=__proto__"],
  ["none", 400, "/messages"],
  ["two", 400, `/messages?session_id=${other}&session_id=${other}`],
  ["something else besides", 400, `/messages?session_id=${other}&owner=me`],
])("a message for %s is %i", async (_, expected, path) => {
  await using api = await anApi();
  const { status, text } = await postTo(api.fetch, path, ping(1));
  expect(status).toBe(expected);
  expect(text).not.toMatch(insides);
});

test("a session is its caller's: whoever else knows it, it is not there, with the text of one that never was", async () => {
  await using api = await anApi(keyed);
  const red = { "x-api-key": "red-key" };
  await using sse = await openSse(api.fetch, red);
  const [mine, sibling, narrow] = [
    await savedKey(api.store, { tenant: "t" }),
    await savedKey(api.store, { tenant: "t" }),
    await savedKey(api.store, { tenant: "t", scopes: ["read"] }),
  ];
  await using stored = await openSse(api.fetch, mine.as);
  const never = (await postTo(api.fetch, `/messages?session_id=${other}`, ping(1), red)).body;
  const refused = async (path: string, as: Record<string, string>) => {
    const { status, body } = await postTo(api.fetch, path, ping(1), as);
    expect([status, body["detail"]]).toEqual([404, never["detail"]]);
  };
  await refused(sse.endpoint, { "x-api-key": "blue-key" });
  await refused(sse.endpoint, mine.as);
  for (const { as } of [sibling, narrow]) await refused(stored.endpoint, as);
  expect((await postTo(api.fetch, sse.endpoint, ping(1), {})).status).toBe(401);
  await api.store.revokeKey(mine.id, "2026-01-02T00:00:00.000Z");
  expect((await stored.post(ping(1))).status).toBe(401);
  // Nothing of all that has come to the streams.
  expect(await sse.ask("ping")).toMatchObject({ id: 1_001 });
});

test("a session that has ended is not taken up again, neither by messages nor by a stream", async () => {
  await using api = await anApi();
  const sse = await openSse(api.fetch);
  const last = { "last-event-id": sse.endpoint };
  await sse.close();
  expect((await sse.post(ping(1))).status).toBe(404);
  const again = await reply(await api.fetch(`/sse?${sse.endpoint.split("?")[1]}`));
  expect([again.status, again.body["errors"]]).toEqual([400, [{ path: "session_id", message: "unknown parameter" }]]);
  await using next = await openSse(api.fetch, last);
  expect(next.endpoint).not.toBe(sse.endpoint);
  expect((await sse.post(ping(1))).status).toBe(404);
});

test("what comes from elsewhere, by another name, without a key, too large or as something else is refused as by REST", async () => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  const open = async (at: TestApi, headers: Record<string, string>, path = "/sse") =>
    (await reply(await at.fetch(path, { headers }))).status;
  for (const headers of [{ origin: "https://evil.example" }, { host: "evil.example" }]) {
    expect(await open(api, headers)).toBe(403);
    expect((await sse.post(ping(1), headers)).status).toBe(403);
  }
  expect((await sse.post(ping(1), { "content-type": "text/plain" })).status).toBe(415);
  expect((await sse.post("x".repeat(maxBodyBytes + 1))).status).toBe(413);
  await using guarded = await anApi(keyed);
  expect(await open(guarded, {})).toBe(401);
  expect(await open(guarded, {}, "/sse?api_key=red-key")).toBe(401);
  for (const [method, path] of [
    ["POST", "/sse"],
    ["DELETE", "/sse"],
    ["HEAD", "/sse"],
    ["GET", sse.endpoint],
    ["DELETE", sse.endpoint],
  ] as const)
    expect([method, path, (await api.fetch(path, { method })).status]).toEqual([method, path, 405]);
});

test("who sends and does not read is told to wait, and loses nothing that was taken", async () => {
  await using api = await anApi();
  await using sse = await openSse(api.fetch);
  for (let id = 1; id <= relayBounds.messages; id += 1) expect((await sse.post(ping(id))).status).toBe(202);
  const { status, headers, body } = await sse.post(ping(0));
  expect([status, headers.get("retry-after"), body["code"]]).toEqual([429, "5", "rate_limited"]);
  const ids = [];
  for (let id = 1; id <= relayBounds.messages; id += 1) ids.push((await sse.next())?.["id"]);
  expect(ids.sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: relayBounds.messages }, (_, n) => n + 1),
  );
});
