import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { openCollector } from "../../../runner/telemetry/collector.ts";
import { headersOf } from "../../../runner/telemetry/headers.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import { silentLog } from "../../../shared/log.ts";
import { redactor } from "../../../shared/redact.ts";
import { Secret } from "../../../shared/secret.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { anEndpoint } from "../../support/telemetry/an-endpoint.ts";
import { messagesAt } from "../../support/telemetry/protobuf-fields.ts";

const secret = "a-token-that-is-known";
type Settings = Parameters<typeof openCollector>[0];
const open = (settings: Partial<Settings>) =>
  openCollector(
    {
      otelEnabled: undefined,
      otelEndpoint: undefined,
      otelProtocol: "http/protobuf",
      otelHeaders: undefined,
      ...settings,
    },
    { fetch, clock: systemClock, log: silentLog, redact: redactor([secret]) },
  );
const opened = (settings: Partial<Settings>) => {
  const collector = open(settings);
  if (!collector) throw new Error("telemetry is on");
  return collector;
};
const traces = (name: string) => ({ resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] });
const headers = new Secret("authorization=Bearer%20let-me-in,x-team=a");

test("nothing is opened where there is no endpoint, or where telemetry is switched off", () => {
  expect(open({})).toBeUndefined();
  expect(open({ otelEnabled: true })).toBeUndefined();
  expect(open({ otelEnabled: false, otelEndpoint: "http://127.0.0.1:1" })).toBeUndefined();
});

test("each signal goes to its own path, as protobuf or JSON, with the configured headers and without known secrets", async () => {
  await using endpoint = await anEndpoint();
  for (const otelProtocol of ["http/protobuf", "http/json"] as const) {
    const collector = opened({ otelEndpoint: `${endpoint.url}/base/`, otelProtocol, otelHeaders: headers });
    collector.send("traces", traces(`run with ${secret}`));
    collector.send("metrics", { resourceMetrics: [] });
    collector.send("logs", { resourceLogs: [] });
    await collector.close(5_000);
    expect(collector.counts()).toEqual({ sent: 3, dropped: 0, waiting: 0 });
  }
  const [protobuf, , , json] = endpoint.arrived();
  expect(endpoint.arrived().map(({ path }) => path)).toEqual([
    ...["/base/v1/traces", "/base/v1/metrics", "/base/v1/logs"],
    ...["/base/v1/traces", "/base/v1/metrics", "/base/v1/logs"],
  ]);
  expect(protobuf?.headers.get("content-type")).toBe("application/x-protobuf");
  expect(protobuf?.headers.get("authorization")).toBe("Bearer let-me-in");
  expect(protobuf?.headers.get("x-team")).toBe("a");
  expect(messagesAt(protobuf?.body ?? Buffer.alloc(0), 1, 2, 2, 5).toString()).toBe("run with [redacted]");
  expect(json?.json).toEqual(traces("run with [redacted]"));
});

test("a collector that speaks gRPC gets the same over HTTP/2", async () => {
  const calls: { path: string; type: string; authorization: string; message: Buffer }[] = [];
  const server = createServer();
  server.on("stream", async (stream, asked) => {
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    calls.push({
      ...{ path: String(asked[":path"]), type: String(asked["content-type"]) },
      ...{ authorization: String(asked["authorization"]), message: Buffer.concat(parts) },
    });
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": calls.length === 1 ? "14" : "0" }));
    stream.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const otelEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const collector = opened({ otelEndpoint, otelProtocol: "grpc", otelHeaders: headers });
  collector.send("traces", traces("over gRPC"));
  await eventually(() => collector.counts().sent === 1);
  await collector.close(1_000);
  server.close();

  expect(calls).toHaveLength(2); // it was unavailable once
  const [, call] = calls;
  expect(call).toMatchObject({
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    type: "application/grpc",
    authorization: "Bearer let-me-in",
  });
  const message = call?.message ?? Buffer.alloc(0);
  expect(message.readUInt32BE(1)).toBe(message.length - 5);
  expect(messagesAt(message.subarray(5), 1, 2, 2, 5).toString()).toBe("over gRPC");
});

test.each(["http/json", "grpc"] as const)(
  "a collector that is not there costs nobody anything (%s)",
  async (otelProtocol) => {
    const collector = opened({ otelEndpoint: `http://127.0.0.1:${await freePort()}`, otelProtocol });
    collector.send("traces", traces("lost"));
    const begun = performance.now();
    await collector.close(200);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(collector.counts()).toEqual({ sent: 0, dropped: 1, waiting: 0 });
  },
);

test("a collector that hangs holds up the end no longer than it may", async () => {
  await using endpoint = await anEndpoint("hanging");
  const collector = opened({ otelEndpoint: endpoint.url });
  collector.send("traces", traces("held"));
  await eventually(() => endpoint.arrived().length === 1);
  const begun = performance.now();
  await collector.close(200);
  expect(performance.now() - begun).toBeLessThan(2_000);
  expect(collector.counts().dropped).toBe(1);
});

test("what a collector refuses is dropped and counted; after a 500 it is sent again", async () => {
  await using endpoint = await anEndpoint(400);
  const collector = opened({ otelEndpoint: endpoint.url });
  collector.send("traces", traces("bad"));
  await eventually(() => collector.counts().dropped === 1);
  expect(endpoint.arrived()).toHaveLength(1);
  endpoint.be(500);
  collector.send("traces", traces("again"));
  await eventually(() => endpoint.arrived().length === 2);
  endpoint.be(200);
  await eventually(() => collector.counts().sent === 1);
  await collector.close(0);
});

test("headers are read as the OpenTelemetry specification writes them", () => {
  expect(headersOf(" Authorization = Basic%20YQ==, x-a=b=c ,,broken,=x,y=%zz")).toEqual({
    authorization: "Basic YQ==",
    "x-a": "b=c",
    y: "%zz",
  });
});

test("what a job nests deeper than the stack is left out, and what comes after it arrives", async () => {
  await using endpoint = await anEndpoint();
  const collector = opened({ otelEndpoint: endpoint.url, otelProtocol: "http/json" });
  const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  collector.send("traces", { resourceSpans: deep });
  collector.send("traces", traces("next"));
  await collector.close(5_000);
  expect(endpoint.arrived()).toHaveLength(1);
});
