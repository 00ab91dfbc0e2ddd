import { isTerminal, type Job } from "../../shared/job.ts";
import { resourceOf } from "./job-relay.ts";
import { attemptSpan, rootSpan, traceIdOf } from "./trace-id.ts";

/**
 * The latest attempt of a job as a span, and the job itself once it has ended: what Claude's own spans hang under. As an
 * ExportTraceServiceRequest in JSON. It says how the job went and nothing of what was said in it.
 */
export function jobSpans(job: Job): unknown {
  const last = job.attempts.at(-1);
  const common = { traceId: traceIdOf(job.id), kind: 1 };
  const attempt = last && {
    ...common,
    spanId: attemptSpan(job.id, last.number),
    parentSpanId: rootSpan(job.id),
    name: "agenticore.attempt",
    startTimeUnixNano: nanos(last.started_at),
    endTimeUnixNano: nanos(last.ended_at),
    attributes: attributes({ "agenticore.attempt": last.number, "agenticore.attempt.reason": last.reason }),
    status: last.reason === "ended" || last.reason === "waiting" ? {} : failed(last.reason),
  };
  const whole = isTerminal(job.status) && {
    ...common,
    spanId: rootSpan(job.id),
    name: "agenticore.job",
    startTimeUnixNano: nanos(job.started_at ?? job.created_at),
    endTimeUnixNano: nanos(job.ended_at ?? job.created_at),
    attributes: attributes({
      "agenticore.job.status": job.status,
      "agenticore.job.error_code": job.error_code,
      "agenticore.job.cost_usd": job.cost_usd,
      "agenticore.job.pr_url": job.pr_url,
      "session.id": job.session_id,
    }),
    status: job.status === "succeeded" ? {} : failed(job.error_code ?? job.status),
  };
  const resource = { attributes: attributes({ "service.name": "agenticore", ...resourceOf(job) }) };
  const spans = [attempt, whole].filter((span) => span !== false && span !== undefined);
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "agenticore" }, spans }] }] };
}

const failed = (message: string) => ({ code: 2, message });
const nanos = (at: string): string => `${BigInt(Date.parse(at)) * 1_000_000n}`;

const attributes = (values: Readonly<Record<string, string | number | undefined>>) =>
  Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [{ key, value: typeof value === "number" ? { doubleValue: value } : { stringValue: value } }];
  });
