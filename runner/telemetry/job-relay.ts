import type { Config } from "../../shared/config-keys.ts";
import type { Job } from "../../shared/job.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";
import type { ExportedTelemetry } from "../claude/environment.ts";
import type { Relay } from "../claude/usage-receiver.ts";
import type { Collector } from "./collector.ts";
import { attemptSpan, traceIdOf } from "./trace-id.ts";

/** What one attempt's Claude is told of telemetry, and what becomes of what it tells. */
export type JobRelay = Readonly<{ exported: ExportedTelemetry; relay: Relay }>;

/** Undefined where telemetry is off. */
export function jobRelay(
  job: Job,
  collector: Collector | undefined,
  config: Pick<Config, "otelLogPrompts" | "otelLogToolDetails">,
): JobRelay | undefined {
  if (!collector) return undefined;
  const resource = resourceOf(job);
  return {
    exported: {
      prompts: config.otelLogPrompts,
      toolDetails: config.otelLogToolDetails,
      resource,
      traceparent: `00-${traceIdOf(job.id)}-${attemptSpan(job.id, job.attempt)}-01`,
    },
    relay: (signal, body) => {
      const list = listOf(body, lists[signal]);
      if (list.length > 0) collector.send(signal, { [lists[signal]]: list.map((part) => marked(part, resource)) });
    },
  };
}

/** How all telemetry of an attempt is told apart from others'. */
export const resourceOf = (job: Job): Readonly<Record<string, string>> => ({
  "agenticore.job.id": job.id,
  ...(job.repo_url === undefined ? {} : { "agenticore.repository": parseRepoUrl(job.repo_url).canonical }),
  "agenticore.profile": job.profile,
  "agenticore.pool": job.pool,
  "agenticore.attempt": String(job.attempt),
});

const lists = { traces: "resourceSpans", logs: "resourceLogs", metrics: "resourceMetrics" } as const;

type Part = Readonly<{ resource?: Readonly<{ attributes?: unknown }> }>;
const listOf = (body: unknown, name: string): readonly Part[] => {
  const list = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return Array.isArray(list) ? list.filter((part) => typeof part === "object" && part !== null) : [];
};

/** Whatever a job says of itself, it is told as what it is: an agent can write to our receiver too. */
function marked(part: Part, resource: Readonly<Record<string, string>>): unknown {
  const told = Array.isArray(part.resource?.attributes) ? (part.resource.attributes as readonly unknown[]) : [];
  const others = told.filter((attribute) => !isOurs(attribute));
  const ours = Object.entries(resource).map(([key, value]) => ({ key, value: { stringValue: value } }));
  return { ...part, resource: { ...part.resource, attributes: [...others, ...ours] } };
}

const isOurs = (attribute: unknown): boolean =>
  String((attribute as { key?: unknown } | null)?.key ?? "").startsWith("agenticore.");
