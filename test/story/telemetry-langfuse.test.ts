import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptSpan, rootSpan, traceIdOf } from "../../runner/telemetry/trace-id.ts";
import { JobId } from "../../shared/job.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { anEndpoint, type SeenSpan } from "../support/telemetry/an-endpoint.ts";

const secretKey = "sk-lf-a-secret-key-of-langfuse";
let world: World;
let langfuse: Awaited<ReturnType<typeof anEndpoint>>;
beforeAll(async () => {
  langfuse = await anEndpoint();
  world = await aWorld({
    ...{ LANGFUSE_HOST: langfuse.url, LANGFUSE_PUBLIC_KEY: "pk-lf-1", LANGFUSE_SECRET_KEY: secretKey },
    ...{ AGENTICORE_LEASE_SECONDS: "20", OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=of-another-place" },
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await langfuse[Symbol.asyncDispose]();
});

const spansOf = (id: string): readonly SeenSpan[] =>
  langfuse.spans().filter(({ traceId }) => traceId === traceIdOf(JobId.parse(id)));
const rootOf = (id: string) => spansOf(id).find(({ spanId }) => spanId === rootSpan(JobId.parse(id)));
const closed = (id: string) => eventually(() => rootOf(id), { what: "the trace is closed" });
const of = (span: SeenSpan | undefined, key: string) => span?.attributes[`langfuse.observation.${key}`];

test("W-99: a job's trace has its session with real times, models, tokens, tool calls with results, and a subagent below its call", async () => {
  await using repo = await sampleRepo();
  const server = await world.serve({ direct: true });
  const task = `Look. [[scenario:run command="echo the key is ${secretKey}"]]`;
  const ran = await world.submit({ task, repo_url: repo.path });
  const split = await world.submit({ task: "Split up. [[scenario:subagent]] [[usage:in=500,out=70]]" });
  for (const { id } of [ran, split]) expect(await world.ended(id)).toMatchObject({ status: "succeeded" });
  await Promise.all([closed(ran.id), closed(split.id)]);
  expect(await server.end("SIGTERM")).toBe(0);

  const job = rootOf(ran.id);
  const attempt = attemptSpan(JobId.parse(ran.id), 1);
  expect(JSON.parse(String(of(job, "output")))).toMatchObject({ status: "succeeded", exit_code: 0 });
  const bash = spansOf(ran.id).find(({ name }) => name === "Bash");
  expect(bash).toMatchObject({ parentSpanId: attempt });
  expect(of(bash, "type")).toBe("tool");
  expect(of(bash, "input")).toContain("echo the key is [redacted]");
  expect(of(bash, "output")).toContain("the key is [redacted]");
  const answers = spansOf(ran.id).filter((span) => of(span, "type") === "generation");
  expect(answers.length).toBeGreaterThan(1);
  for (const span of [...answers, bash])
    expect(
      Math.min((span?.startMs ?? 0) - (job?.startMs ?? 0), (job?.endMs ?? 0) - (span?.endMs ?? 0)),
    ).toBeGreaterThan(-1);
  expect(answers.some(({ startMs, endMs }) => endMs > startMs)).toBe(true);

  const agent = spansOf(split.id).find((span) => of(span, "type") === "agent");
  expect(agent).toMatchObject({ name: "Agent", parentSpanId: attemptSpan(JobId.parse(split.id), 1) });
  const inside = spansOf(split.id).filter(({ parentSpanId }) => parentSpanId === agent?.spanId);
  const said = inside.find((span) => of(span, "type") === "generation");
  expect(of(said, "output")).toBe("looked");
  expect(of(said, "model.name")).toMatch(/^claude-/);
  expect(JSON.parse(String(of(said, "usage_details")))).toMatchObject({ input: expect.any(Number) });

  const everything = langfuse
    .arrived()
    .map(({ body }) => body.toString())
    .join("");
  expect(everything).not.toContain(secretKey);
  for (const { headers } of langfuse.arrived()) expect(headers.get("x-collector-key") || "").toBe("");
});

test("W-98: a clone that fails and a cancel close their traces too", async () => {
  const server = await world.serve({ direct: true });
  const lost = await world.submit({ task: "Go.", repo_url: join(world.home, "no-such-repository") });
  const slow = await world.submit({ task: "Go. [[scenario:slow beats=300]]" });
  await world.until(slow.id, ({ phase }) => phase === "running");
  await world.call("POST", `/jobs/${slow.id}/cancel`);
  await Promise.all([world.ended(lost.id), world.ended(slow.id)]);
  await Promise.all([closed(lost.id), closed(slow.id)]);
  expect(await server.end("SIGTERM")).toBe(0);

  expect(rootOf(lost.id)).toMatchObject({ status: { code: 2 } });
  expect(JSON.parse(String(of(rootOf(lost.id), "output")))).toMatchObject({ status: "failed" });
  expect(JSON.parse(String(of(rootOf(slow.id), "output")))).toMatchObject({ status: "cancelled" });
  expect(of(rootOf(slow.id), "level")).toBe("WARNING");
});

test("after kill -9 of the runner both attempts are in the one trace, with what was said before the crash", async () => {
  const first = await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Go. [[scenario:slow once=yes until=released]]" });
  const job = await world.until(id, ({ phase }) => phase === "running");
  const kept = join(String(job["job_config_dir"]), "projects/*", `${job["session_id"]}.jsonl`);
  await eventually(() => globSync(kept).some((file) => readFileSync(file, "utf8").includes('"tool_use"')));
  await first.killGroup();
  const second = await world.serve({ direct: true });
  expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 2 });
  await closed(id);
  expect(await second.end("SIGTERM")).toBe(0);

  const attempts = [1, 2].map((number) => attemptSpan(JobId.parse(id), number));
  const found = attempts.map((attempt) => spansOf(id).find(({ spanId }) => spanId === attempt));
  expect(found).toMatchObject([
    { name: "attempt 1", status: { code: 2 }, parentSpanId: rootSpan(JobId.parse(id)) },
    { name: "attempt 2", parentSpanId: rootSpan(JobId.parse(id)) },
  ]);
  const tools = spansOf(id).filter((span) => of(span, "type") === "tool");
  expect(tools.find(({ parentSpanId }) => parentSpanId === attempts[0])).toMatchObject({ name: "Bash" });
  expect(tools.some(({ parentSpanId }) => parentSpanId === attempts[1])).toBe(true);
});

test("a job takes no notice of a Langfuse that hangs, nor does the end of the server for more than its few seconds", async () => {
  langfuse.be("hanging");
  const before = langfuse.arrived().length;
  const server = await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Go. [[scenario:text]]" });
  const job = await world.ended(id);
  expect(job["status"]).toBe("succeeded");
  expect(Date.parse(String(job["ended_at"])) - Date.parse(String(job["started_at"]))).toBeLessThan(15_000);
  await eventually(() => langfuse.arrived().length > before);
  const ending = performance.now();
  expect(await server.end("SIGTERM")).toBe(0);
  expect(performance.now() - ending).toBeLessThan(12_000);
  expect(server.stderr()).toContain("telemetry was dropped");
});
