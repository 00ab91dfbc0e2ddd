import { expect, test } from "vitest";
import { noUsage } from "../../../runner/claude/usage.ts";
import { type Metered, startUsageReceiver } from "../../../runner/claude/usage-receiver.ts";

type Fields = Readonly<Record<string, string | number>>;
const attribute = ([key, value]: [string, string | number]) => ({
  key,
  value: typeof value === "string" ? { stringValue: value } : { doubleValue: value },
});
const logs = (...records: readonly Fields[]) => ({
  resourceLogs: [
    { scopeLogs: [{ logRecords: records.map((fields) => ({ attributes: Object.entries(fields).map(attribute) })) }] },
  ],
});
const request = (more: Fields = {}): Fields => ({
  "event.name": "api_request",
  cost_usd: 0.25,
  input_tokens: 100,
  output_tokens: 10,
  cache_read_tokens: 5,
  cache_creation_tokens: 1,
  ...more,
});

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

async function aReceiver() {
  const receiver = await startUsageReceiver();
  const updates: Metered[] = [];
  const meter = receiver.meter((total) => updates.push(total));
  const send = (body: unknown, path = "/v1/logs") =>
    post(`${receiver.url}${path}`, body, { "x-agenticore-usage": meter.token });
  return { receiver, meter, updates, send, [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose]() };
}

test("each batch of requests adds to the job's cost and usage", async () => {
  await using at = await aReceiver();
  await at.send(logs(request(), { "event.name": "user_prompt" }, request({ cost_usd: "0.5", input_tokens: "7" })));
  await at.send(logs(request({ "event.name": "claude_code.api_request", cost_usd: 1 })));
  expect(at.updates).toEqual([
    {
      cost_usd: 0.75,
      requests: 2,
      usage: { input_tokens: 107, output_tokens: 20, cache_read_input_tokens: 10, cache_creation_input_tokens: 2 },
    },
    {
      cost_usd: 1.75,
      requests: 3,
      usage: { input_tokens: 207, output_tokens: 30, cache_read_input_tokens: 15, cache_creation_input_tokens: 3 },
    },
  ]);
  expect(at.meter.total()).toEqual(at.updates[1]);
});

test("jobs are told apart by their token, and a stranger by having none", async () => {
  await using at = await aReceiver();
  const other = at.receiver.meter(() => undefined);
  await at.send(logs(request()));
  expect(other.total()).toEqual({ cost_usd: 0, usage: noUsage, requests: 0 });
  expect((await post(`${at.receiver.url}/v1/logs`, logs(request()))).status).toBe(401);
  expect((await post(`${at.receiver.url}/v1/logs`, logs(request()), { "x-agenticore-usage": "x" })).status).toBe(401);
  expect(at.meter.total().requests).toBe(1);
});

test("after the job's end its token is worth nothing", async () => {
  await using at = await aReceiver();
  at.meter[Symbol.dispose]();
  expect((await at.send(logs(request()))).status).toBe(401);
  expect(at.updates).toEqual([]);
});

test("where somebody wants it, all that Claude tells is passed on as it came, and the cost is still counted", async () => {
  await using receiver = await startUsageReceiver();
  const passedOn: unknown[] = [];
  const meter = receiver.meter(
    () => undefined,
    (signal, body) => void passedOn.push([signal, body]),
  );
  const send = (body: unknown, path: string) =>
    post(`${receiver.url}${path}`, body, { "x-agenticore-usage": meter.token });
  const told = logs(request({ cost_usd: 2 }));
  expect((await send(told, "/v1/logs")).status).toBe(200);
  expect((await send({ resourceSpans: [] }, "/v1/traces")).status).toBe(200);
  expect((await send({ resourceMetrics: [] }, "/v1/metrics")).status).toBe(200);
  expect((await send("{", "/v1/traces")).status).toBe(400);
  expect(passedOn).toEqual([
    ["logs", told],
    ["traces", { resourceSpans: [] }],
    ["metrics", { resourceMetrics: [] }],
  ]);
  expect(meter.total().cost_usd).toBe(2);
});

test("metrics and traces are accepted and dropped", async () => {
  await using at = await aReceiver();
  expect((await at.send({ resourceMetrics: [] }, "/v1/metrics")).status).toBe(200);
  expect((await at.send({ resourceSpans: [] }, "/v1/traces")).status).toBe(200);
  expect((await at.send({}, "/elsewhere")).status).toBe(404);
  expect(at.updates).toEqual([]);
});

test.each([
  {},
  [],
  "null",
  "17",
  { resourceLogs: 7 },
  { resourceLogs: [{ scopeLogs: [{ logRecords: [null, 7] }] }] },
  logs({ "event.name": "tool_result", cost_usd: 9 }),
])("what is not a batch of requests counts nothing (%#)", async (body) => {
  await using at = await aReceiver();
  await at.send(body);
  expect(at.meter.total().cost_usd).toBe(0);
});

test("broken JSON is refused, and the next batch is taken", async () => {
  await using at = await aReceiver();
  expect((await at.send("{")).status).toBe(400);
  expect((await at.send(logs(request()))).status).toBe(200);
  expect(at.meter.total().requests).toBe(1);
});

test("amounts that cannot be count nothing", async () => {
  await using at = await aReceiver();
  const strange = [-1, 1e300, "NaN", "Infinity", "much"];
  await at.send(logs(...strange.map((cost_usd) => request({ cost_usd, input_tokens: cost_usd }))));
  expect(at.meter.total().cost_usd).toBe(0);
  expect(at.meter.total().usage.input_tokens).toBe(0);
});

test("a body over the limit is refused, and the receiver goes on", async () => {
  await using at = await aReceiver();
  const refused = await at.send(`"${"x".repeat(5 * 1024 * 1024)}"`).then(
    ({ status }) => status,
    () => "closed",
  );
  expect([413, "closed"]).toContain(refused);
  expect((await at.send(logs(request()))).status).toBe(200);
});

test("a request that nobody can take ends its own connection alone", async () => {
  await using receiver = await startUsageReceiver();
  const meter = receiver.meter(
    () => {
      throw new Error("it cannot be counted");
    },
    () => undefined,
  );
  const send = (body: unknown) => post(`${receiver.url}/v1/logs`, body, { "x-agenticore-usage": meter.token });
  await expect(send(logs(request()))).rejects.toThrow();
  expect((await send(logs())).status).toBe(200);
});
