import { expect, test } from "vitest";
import { jobRelay } from "../../../runner/telemetry/job-relay.ts";
import { jobSpans } from "../../../runner/telemetry/job-spans.ts";
import { attemptSpan, rootSpan, traceIdOf } from "../../../runner/telemetry/trace-id.ts";
import { aJob } from "../../support/a-job.ts";

const config = { otelLogPrompts: false, otelLogToolDetails: true };
const job = aJob({ repo_url: "HTTPS://GitHub.com/Org/src.git/", attempt: 2, pool: "big", profile: "review" });

function aRelay() {
  const sent: unknown[] = [];
  const collector = {
    send: (_: string, request: unknown) => void sent.push(request),
    counts: () => ({ sent: 0, dropped: 0, waiting: 0 }),
    close: async () => undefined,
  };
  const relay = jobRelay(job, collector, config);
  if (!relay) throw new Error("telemetry is on");
  return { ...relay, sent };
}

test("Claude is told the job, the repository without credentials, profile, pool, attempt, and the span to hang under", () => {
  const { exported } = aRelay();
  expect(exported).toEqual({
    prompts: false,
    toolDetails: true,
    resource: {
      "agenticore.job.id": job.id,
      "agenticore.repository": "https://github.com/Org/src",
      "agenticore.profile": "review",
      "agenticore.pool": "big",
      "agenticore.attempt": "2",
    },
    traceparent: `00-${traceIdOf(job.id)}-${attemptSpan(job.id, 2)}-01`,
  });
  expect(exported.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(jobRelay(job, undefined, config)).toBeUndefined();
});

test("what a job says of itself does not count: it is marked as what it is", () => {
  const { relay, sent } = aRelay();
  const attributes = [
    { key: "agenticore.job.id", value: { stringValue: "another's" } },
    { key: "service.name", value: { stringValue: "claude-code" } },
    null,
  ];
  relay("traces", { resourceSpans: [{ resource: { attributes }, scopeSpans: [] }, {}], extra: 1 });
  const told = JSON.stringify(sent);
  expect(told).not.toContain("another's");
  expect(told.match(new RegExp(job.id, "g"))).toHaveLength(2);
  expect(told).toContain("claude-code");
  expect(told).not.toContain("extra");
});

test.each([undefined, null, 7, "x", [], {}, { resourceSpans: 7 }, { resourceLogs: [{}] }])(
  "what is no request of that signal is not passed on (%#)",
  (body) => {
    const { relay, sent } = aRelay();
    relay("traces", body);
    expect(sent).toEqual([]);
  },
);

test("the collector is told the attempt and, at the end, the job; nothing of what was said in it", () => {
  const at = (second: number) => `2026-03-01T12:00:0${second}.000Z`;
  const lost = { number: 1, pod_name: "box-1", started_at: at(1), ended_at: at(2), reason: "crashed" } as const;
  const over = { number: 2, pod_name: "box-2", started_at: at(3), ended_at: at(4), reason: "ended" } as const;
  const spans = (facts: Parameters<typeof aJob>[0]) => {
    const told = jobSpans({ ...job, ...facts }) as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] };
    expect(JSON.stringify(told)).not.toContain(job.task);
    return told.resourceSpans[0]?.scopeSpans[0]?.spans;
  };
  expect(spans({ status: "queued", attempts: [lost] })).toMatchObject([
    { spanId: attemptSpan(job.id, 1), parentSpanId: rootSpan(job.id), status: { code: 2, message: "crashed" } },
  ]);
  expect(
    spans({ status: "succeeded", attempts: [lost, over], started_at: at(1), ended_at: at(4), output: "said" }),
  ).toMatchObject([
    { spanId: attemptSpan(job.id, 2), status: {} },
    {
      ...{ traceId: traceIdOf(job.id), spanId: rootSpan(job.id), status: {} },
      startTimeUnixNano: `${BigInt(Date.parse(at(1))) * 1_000_000n}`,
      endTimeUnixNano: `${BigInt(Date.parse(at(4))) * 1_000_000n}`,
    },
  ]);
});
