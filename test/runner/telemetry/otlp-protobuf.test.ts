import { expect, test } from "vitest";
import { encodeOtlp } from "../../../runner/telemetry/otlp-protobuf.ts";
import { otlpRequests } from "../../../runner/telemetry/otlp-schema.ts";
import { fieldsOf, messagesAt } from "../../support/telemetry/protobuf-fields.ts";

const attribute = (key: string, value: unknown) => ({ key, value });
/** What a field holds, by its number. */
const read = (message: Buffer | undefined) =>
  Object.fromEntries(fieldsOf(message ?? Buffer.alloc(0)).map(({ number, value }) => [number, value]));

test("a span of JSON is the same span in protobuf, field by field of trace.proto", () => {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "claude_code.tool",
    kind: 1,
    startTimeUnixNano: "1795360195321000001",
    endTimeUnixNano: "1795360195400000000",
    attributes: [
      attribute("tool_name", { stringValue: "Bash" }),
      attribute("duration_ms", { intValue: 300 }),
      attribute("success", { boolValue: true }),
      attribute("cost", { doubleValue: 0.25 }),
      attribute("list", { arrayValue: { values: [{ stringValue: "a" }, { intValue: "-1" }] } }),
    ],
    status: { code: 2, message: "gone" },
  };
  const request = {
    resourceSpans: [
      {
        resource: { attributes: [attribute("service.name", { stringValue: "claude-code" })] },
        scopeSpans: [{ scope: { name: "scope", version: "1" }, spans: [span] }],
      },
    ],
  };
  const bytes = encodeOtlp(request, otlpRequests.traces);

  expect(messagesAt(bytes, 1, 1, 1, 1).toString()).toBe("service.name");
  expect(messagesAt(bytes, 1, 2, 1, 1).toString()).toBe("scope");
  const [found] = messagesAt(bytes, 1, 2, 2);
  expect(read(found)).toMatchObject({
    1: Buffer.from(span.traceId, "hex"),
    2: Buffer.from(span.spanId, "hex"),
    4: Buffer.from(span.parentSpanId, "hex"),
    5: Buffer.from("claude_code.tool"),
    6: 1n,
    7: 1795360195321000001n,
    8: 1795360195400000000n,
  });
  const values = messagesAt(found as Buffer, 9, 2).map(read);
  expect(values[0]).toEqual({ 1: Buffer.from("Bash") });
  expect(values[1]).toEqual({ 3: 300n });
  expect(values[2]).toEqual({ 2: 1n });
  const [cost] = messagesAt(found as Buffer, 9, 2).slice(3);
  expect((cost as Buffer).readDoubleLE(1)).toBe(0.25);
  const [, minusOne] = messagesAt(found as Buffer, 9, 2, 5, 1).map(read);
  expect(minusOne).toEqual({ 3: 2n ** 64n - 1n });
  expect(read(messagesAt(found as Buffer, 15)[0])).toEqual({ 2: Buffer.from("gone"), 3: 2n });
});

test("a log record and a sum are what logs.proto and metrics.proto say", () => {
  const record = { timeUnixNano: "5", body: { stringValue: "claude_code.api_request" }, attributes: [] };
  const logs = encodeOtlp({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }, otlpRequests.logs);
  expect(read(messagesAt(logs, 1, 2, 2)[0])).toMatchObject({ 1: 5n });
  expect(messagesAt(logs, 1, 2, 2, 5, 1).toString()).toBe("claude_code.api_request");

  const point = { startTimeUnixNano: "1", timeUnixNano: "2", asDouble: 0.5, attributes: [] };
  const sum = { aggregationTemporality: 1, isMonotonic: true, dataPoints: [point] };
  const metric = { name: "claude_code.cost.usage", unit: "USD", sum };
  const bytes = encodeOtlp({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }, otlpRequests.metrics);
  const [found] = messagesAt(bytes, 1, 2, 2);
  expect(read(found)).toMatchObject({ 1: Buffer.from(metric.name), 3: Buffer.from("USD") });
  expect(read(messagesAt(found as Buffer, 7)[0])).toMatchObject({ 2: 1n, 3: 1n });
  expect(read(messagesAt(found as Buffer, 7, 1)[0])).toMatchObject({ 2: 1n, 3: 2n });
});

test.each([
  null,
  7,
  "text",
  [],
  { resourceSpans: 7 },
  { resourceSpans: [null, { scopeSpans: [{ spans: [7, { traceId: 9, startTimeUnixNano: "never", kind: {} }] }] }] },
])("what is not of the shape is left out, and the rest is still a message (%#)", (request) => {
  expect(() => fieldsOf(encodeOtlp(request, otlpRequests.traces))).not.toThrow();
});

test("a value that holds itself a thousand times deep does not end the runner", () => {
  let value: unknown = { stringValue: "deep" };
  for (let depth = 0; depth < 1_000; depth += 1) value = { arrayValue: { values: [value] } };
  const span = { name: "x", attributes: [attribute("deep", value)] };
  const bytes = encodeOtlp({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }, otlpRequests.traces);
  expect(messagesAt(bytes, 1, 2, 2, 5).toString()).toBe("x");
});
