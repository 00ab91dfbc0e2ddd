import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptSpan, rootSpan, traceIdOf } from "../../runner/telemetry/trace-id.ts";
import { JobId } from "../../shared/job.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { anEndpoint, plain } from "../support/telemetry/an-endpoint.ts";

let world: World;
let collector: Awaited<ReturnType<typeof anEndpoint>>;
beforeAll(async () => {
  collector = await anEndpoint();
  world = await aWorld({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20a-collector-key",
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

const task = "Count the beans. [[scenario:subagent]] [[usage:in=20000,out=1000]]";

test("W-100: Claude's spans, logs and metrics reach the collector under the job's own trace, marked with the job, and the live cost goes on", async () => {
  await using repo = await sampleRepo();
  const server = await world.serve({ direct: true });
  const { id } = await world.submit({ task, repo_url: repo.path });
  const job = await world.ended(id);
  expect(job["status"]).toBe("succeeded");
  expect(Number(job["cost_usd"])).toBeGreaterThan(0.1);
  const of = JobId.parse(id);
  await eventually(() => collector.spans().some(({ name }) => name === "agenticore.job"));
  expect(await server.end("SIGTERM")).toBe(0);

  const spans = collector.spans();
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(of)]));
  const named = (name: string) => spans.filter((span) => span.name === name);
  expect(named("claude_code.interaction")).toMatchObject([{ parentSpanId: attemptSpan(of, 1) }]);
  expect(named("agenticore.attempt")).toMatchObject([{ spanId: attemptSpan(of, 1), parentSpanId: rootSpan(of) }]);
  expect(named("agenticore.job")).toMatchObject([
    { spanId: rootSpan(of), attributes: { "agenticore.job.status": "succeeded" } },
  ]);
  expect(named("claude_code.llm_request").length).toBeGreaterThan(2);
  const marks = {
    "agenticore.job.id": id,
    "agenticore.repository": repo.path,
    "agenticore.profile": "code",
    "agenticore.pool": "default",
    "agenticore.attempt": "1",
  };
  for (const { resource } of spans) expect(resource).toMatchObject(marks);

  type Metrics = {
    resourceMetrics: { scopeMetrics: { metrics: { name: string; sum: { dataPoints: never[] } }[] }[] }[];
  };
  const metrics = collector
    .at("/v1/metrics")
    .flatMap(({ json }) => (json as Metrics).resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: all }) => all));
  const cost = metrics.filter(({ name }) => name === "claude_code.cost.usage").flatMap(({ sum }) => sum.dataPoints);
  expect(cost.length).toBeGreaterThan(0);
  for (const { attributes } of cost as { attributes: never[] }[]) expect(plain(attributes)).toMatchObject(marks);

  const everything = collector.arrived().map(({ body }) => body.toString());
  expect(everything.some((text) => text.includes("claude_code.api_request"))).toBe(true);
  expect(everything.join("")).not.toContain("Count the beans");
  expect(everything.join("")).not.toContain(world.env["ANTHROPIC_API_KEY"]);
  for (const { headers } of collector.arrived()) expect(headers.get("authorization")).toBe("Bearer a-collector-key");
});

test("a job takes no notice of a collector that hangs, nor does the end of the server for more than its few seconds", async () => {
  collector.be("hanging");
  const server = await world.serve({ direct: true });
  const before = collector.arrived().length;
  const { id } = await world.submit({ task: "Go. [[scenario:text]]" });
  const begun = performance.now();
  const job = await world.ended(id);
  expect(job["status"]).toBe("succeeded");
  await eventually(() => collector.arrived().length > before);
  expect(Date.parse(String(job["ended_at"])) - Date.parse(String(job["started_at"]))).toBeLessThan(15_000);
  expect(performance.now() - begun).toBeLessThan(20_000);
  const ending = performance.now();
  expect(await server.end("SIGTERM")).toBe(0);
  expect(performance.now() - ending).toBeLessThan(10_000);
  expect(server.stderr()).toContain("telemetry was dropped");
});

test("nothing reaches the collector when telemetry is switched off", async () => {
  collector.be(200);
  const before = collector.arrived().length;
  const server = await world.serve({ direct: true, env: { AGENTICORE_OTEL_ENABLED: "false" } });
  const { id } = await world.submit({ task: "Go. [[scenario:text]] [[usage:in=20000,out=1000]]" });
  const job = await world.ended(id);
  expect(job["status"]).toBe("succeeded");
  expect(Number(job["cost_usd"])).toBeGreaterThan(0);
  expect(await server.end("SIGTERM")).toBe(0);
  expect(collector.arrived()).toHaveLength(before);
});
