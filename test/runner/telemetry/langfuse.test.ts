import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTelemetry } from "../../../runner/telemetry/telemetry.ts";
import { attemptSpan, rootSpan, spanIdOf, traceIdOf } from "../../../runner/telemetry/trace-id.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import type { Job } from "../../../shared/job.ts";
import type { LogFacts } from "../../../shared/log.ts";
import { silentLog } from "../../../shared/log.ts";
import { redactor } from "../../../shared/redact.ts";
import { aJob } from "../../support/a-job.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { anEndpoint } from "../../support/telemetry/an-endpoint.ts";
import { aConfig } from "../claude/drive.ts";

const path = "/api/public/otel/v1/traces";
const secret = "a-secret-that-is-known";
const at = (second: number) => `2026-03-01T12:00:0${second}.000Z`;
const ms = (second: number) => Date.parse(at(second));
const attempt = (number: number, reason: Job["attempts"][number]["reason"]) => ({
  ...{ number, reason, pod_name: `box-${number}`, started_at: at(2 * number), ended_at: at(2 * number + 1) },
});

function toLangfuse(url: string, more: Record<string, string> = {}) {
  const warnings: [string, LogFacts | undefined][] = [];
  const log = { ...silentLog, warn: (message: string, facts?: LogFacts) => void warnings.push([message, facts]) };
  const env = { LANGFUSE_HOST: url, LANGFUSE_PUBLIC_KEY: "pk-lf-1", LANGFUSE_SECRET_KEY: "sk-lf-2", ...more };
  const known = [secret];
  const learn = async ({ profile }: Job) => {
    if (profile === "gone") throw new Error("there is no such profile");
    known.push(`secret-of-${profile}`);
  };
  const telemetry = openTelemetry(aConfig(env), {
    ...{ fetch, clock: systemClock, log, redact: (text: string) => redactor(known)(text), learn, version: "1.2.3" },
  });
  const close = async () => {
    const begun = performance.now();
    await telemetry[Symbol.asyncDispose]();
    return performance.now() - begun;
  };
  return { telemetry, warnings, close };
}

test("a job is one trace: opened at its claim, its attempts below it, closed with input, output, status, cost and pull request", async () => {
  await using endpoint = await anEndpoint();
  const { telemetry, close } = toLangfuse(endpoint.url);
  const job = aJob({ task: `Use ${secret}`, status: "running", attempt: 1, repo_url: "https://h/a.git", pool: "big" });
  telemetry.claimed(job);
  await eventually(() => endpoint.spans().length === 1);
  expect(endpoint.spans()).toMatchObject([
    {
      ...{ traceId: traceIdOf(job.id), parentSpanId: attemptSpan(job.id, 1), name: "claimed" },
      attributes: {
        "langfuse.observation.type": "event",
        "langfuse.trace.name": "agenticore-job",
        "langfuse.trace.metadata.repository": "https://h/a",
      },
    },
  ]);

  telemetry.ended({
    ...job,
    ...{ status: "failed", error_code: "claude_failed", error: `no ${secret}`, cost_usd: 0.5, output: "all I did" },
    ...{ pr_url: "https://h/a/pull/7", session_id: "558b794f-ec31-4262-ae2f-a5c7069711d9", exit_code: 1 },
    ...{ started_at: at(2), ended_at: at(3), attempts: [attempt(1, "ended")] },
  });
  await close();

  const [, first, root] = endpoint.spans();
  expect(first).toMatchObject({
    ...{ spanId: attemptSpan(job.id, 1), parentSpanId: rootSpan(job.id), name: "attempt 1" },
    ...{ startMs: ms(2), endMs: ms(3), status: { code: 2 } },
  });
  expect(root).toMatchObject({
    ...{ spanId: rootSpan(job.id), startMs: ms(2), endMs: ms(3), status: { code: 2, message: "no [redacted]" } },
    attributes: {
      "langfuse.observation.level": "ERROR",
      "session.id": "558b794f-ec31-4262-ae2f-a5c7069711d9",
      "langfuse.trace.metadata.status": "failed",
      "langfuse.trace.metadata.cost_usd": 0.5,
    },
    resource: { "service.name": "agenticore", "service.version": "1.2.3" },
  });
  expect(root?.parentSpanId).toBeUndefined();
  const input = JSON.parse(String(root?.attributes["langfuse.observation.input"]));
  expect(input).toEqual({ task: "Use [redacted]", repository: "https://h/a", profile: "code" });
  const output = JSON.parse(String(root?.attributes["langfuse.trace.output"]));
  expect(output).toMatchObject({ status: "failed", exit_code: 1, output: "all I did", pr_url: "https://h/a/pull/7" });
  const marked = endpoint.spans().filter(({ attributes }) => attributes["langfuse.internal.is_app_root"] === true);
  expect(marked.map(({ spanId }) => spanId)).toEqual([rootSpan(job.id)]);

  const [{ headers } = { headers: new Headers() }] = endpoint.at(path);
  expect(headers.get("authorization")).toBe(`Basic ${Buffer.from("pk-lf-1:sk-lf-2").toString("base64")}`);
  expect(
    endpoint
      .arrived()
      .map(({ body }) => body.toString())
      .join(""),
  ).not.toContain(secret);
});

test("an attempt that its runner could not tell of is told by the next one, under the same id", async () => {
  await using endpoint = await anEndpoint();
  const { telemetry, close } = toLangfuse(endpoint.url);
  const job = aJob({ status: "running", attempt: 2, attempts: [attempt(1, "lease_lost")] });
  telemetry.claimed(job);
  telemetry.ended({ ...job, status: "queued", attempts: [attempt(1, "lease_lost")] });
  await close();
  const lost = endpoint.spans().filter(({ name }) => name === "attempt 1");
  expect(lost).toHaveLength(2);
  for (const span of lost)
    expect(span).toMatchObject({ spanId: attemptSpan(job.id, 1), startMs: ms(2), endMs: ms(3), status: { code: 2 } });
  expect(endpoint.spans().find(({ name }) => name === "claimed")?.spanId).toBe(spanIdOf(job.id, "claim 2"));
  expect(endpoint.spans().some(({ spanId }) => spanId === rootSpan(job.id))).toBe(false);
});

test("Langfuse that is down, hangs or refuses costs a job nothing and the runner's end a few seconds; what was lost is counted", async () => {
  await using hanging = await anEndpoint("hanging");
  await using refusing = await anEndpoint(401);
  const places = [hanging.url, refusing.url, `http://127.0.0.1:${await freePort()}`];
  await Promise.all(
    places.map(async (url) => {
      const { telemetry, close, warnings } = toLangfuse(url);
      const begun = performance.now();
      telemetry.claimed(aJob());
      telemetry.ended(aJob({ status: "cancelled", attempts: [attempt(1, "ended")] }));
      expect(performance.now() - begun).toBeLessThan(100);
      expect(await close()).toBeLessThan(10_000);
      expect(warnings.at(-1)).toEqual(["telemetry was dropped", { collector_requests: 0, langfuse_observations: 3 }]);
    }),
  );
});

test("after a 500 it is tried again", async () => {
  await using endpoint = await anEndpoint(500);
  const { telemetry, close } = toLangfuse(endpoint.url);
  telemetry.claimed(aJob());
  await eventually(() => endpoint.arrived().length > 0);
  endpoint.be(200);
  const before = endpoint.arrived().length;
  await eventually(() => endpoint.arrived().length > before);
  await close();
  expect(endpoint.spans().at(-1)?.name).toBe("claimed");
});

test("without both keys nothing is sent, and one alone is warned of", async () => {
  await using endpoint = await anEndpoint();
  for (const missing of ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]) {
    const { telemetry, close, warnings } = toLangfuse(endpoint.url, { [missing]: "" });
    telemetry.claimed(aJob());
    await close();
    expect(warnings).toHaveLength(1);
  }
  expect(endpoint.arrived()).toEqual([]);
});

test("OpenTelemetry's globals stay as they were", async () => {
  await using endpoint = await anEndpoint();
  const { telemetry, close } = toLangfuse(endpoint.url);
  telemetry.claimed(aJob());
  await close();
  expect(endpoint.spans()).toHaveLength(1);
  const globals = (globalThis as Record<symbol, unknown>)[Symbol.for("opentelemetry.js.api.1")];
  expect(globals).toBeUndefined();
});

test("what is secret in a profile is known before what was said with it is told; where it cannot be known, nothing is", async () => {
  await using endpoint = await anEndpoint();
  const { telemetry, close } = toLangfuse(endpoint.url);
  const configDir = mkdtempSync(join(tmpdir(), "ac-said-"));
  const sessionId = "558b794f-ec31-4262-ae2f-a5c7069711d9";
  mkdirSync(join(configDir, "projects/-repo"), { recursive: true });
  const message = { role: "user", content: "Use secret-of-mine, secret-of-gone" };
  const line = { type: "user", uuid: "u1", timestamp: at(1), message };
  writeFileSync(join(configDir, `projects/-repo/${sessionId}.jsonl`), JSON.stringify(line));
  const said = (profile: string) =>
    telemetry.said({ job: aJob({ profile }), attempt: 1, configDir, sessionId, sinceMs: ms(0) });
  await said("gone");
  await said("mine");
  rmSync(configDir, { recursive: true });
  await close();
  expect(endpoint.spans().map(({ attributes }) => attributes["langfuse.observation.input"])).toEqual([
    "Use [redacted], secret-of-gone",
  ]);
});
