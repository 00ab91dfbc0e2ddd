import { LangfuseSpanProcessor } from "@langfuse/otel";
import { createObservationAttributes, LangfuseOtelSpanAttributes as names } from "@langfuse/tracing";
import { type Attributes, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import type { Clock } from "../../../shared/clock.ts";
import { toJson } from "../../../shared/json.ts";
import type { Redact } from "../../../shared/redact.ts";
import { cutMiddle } from "../../claude/shorten.ts";
import { type OutletCounts, openOutlet, Refused } from "../outlet.ts";
import { traceIdOf } from "../trace-id.ts";
import type { Observation } from "./observation.ts";

export type LangfuseSpans = Readonly<{
  emit: (observation: Observation) => void;
  counts: () => OutletCounts;
  close: (withinMs: number) => Promise<void>;
}>;
type Options = Readonly<{
  host: string;
  publicKey: string;
  secretKey: string;
  /** Headers that the environment has for another place: the exporter would send them to Langfuse too. */
  foreignHeaders: readonly string[];
  version: string;
  clock: Clock;
  redact: Redact;
  onTrouble: (error: unknown) => void;
}>;

/** Bytes of one input or output. */
const maxText = 32 * 1024;

/**
 * Langfuse's own SDK on a tracer provider of ours: nothing global is set, and what is sent goes through a queue with bounds.
 * To be imported only where Langfuse is on: the SDK takes a second to load.
 */
export function openLangfuseSpans({ clock, redact, onTrouble, ...options }: Options): LangfuseSpans {
  const exporter = exporterTo(options);
  const outlet = openOutlet<ReadableSpan>({
    ...{ clock, batch: 50, maxItems: 4_000, maxBytes: 32 * 1024 * 1024, lingerMs: 250, timeoutMs: 5_000 },
    ...{ onTrouble, send: (spans) => exported(exporter, spans) },
  });
  const queue: SpanExporter = {
    export: (spans, done) => {
      for (const span of spans) outlet.put(span, sizeOf(span));
      done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const processor = new LangfuseSpanProcessor({
    ...{ exporter: queue, exportMode: "immediate", mediaUploadEnabled: false, shouldExportSpan: () => true },
    ...{ publicKey: options.publicKey, secretKey: options.secretKey, baseUrl: options.host },
  });
  let next = { traceId: "", spanId: "" };
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ "service.name": "agenticore", "service.version": options.version }),
    idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("langfuse-sdk", options.version);
  const clean = (value: unknown): string =>
    cutMiddle(redact(typeof value === "string" ? value : toJson(value, "[too deep to show]")), maxText);

  return {
    emit: (observation) => {
      const { job, id, parent, startMs, endMs, trouble } = observation;
      next = { traceId: traceIdOf(job), spanId: id };
      const context = parent
        ? trace.setSpanContext(ROOT_CONTEXT, { traceId: next.traceId, spanId: parent, traceFlags: 1, isRemote: true })
        : ROOT_CONTEXT;
      const attributes = attributesOf(observation, clean);
      const span = tracer.startSpan(clean(observation.name), { startTime: startMs, attributes }, context);
      // The processor takes each span whose parent it does not see open for the beginning of a trace.
      span.setAttribute(names.IS_APP_ROOT, parent === undefined);
      if (trouble) {
        const code = trouble.level === "ERROR" ? SpanStatusCode.ERROR : SpanStatusCode.UNSET;
        span.setStatus({ code, message: clean(trouble.message) });
      }
      span.end(Math.max(startMs, endMs));
    },
    counts: outlet.counts,
    close: async (withinMs) => {
      await processor.forceFlush().catch(onTrouble);
      await outlet.close(withinMs);
      void exporter.shutdown().catch(onTrouble);
    },
  };
}

function attributesOf(observation: Observation, clean: (value: unknown) => string): Attributes {
  const { kind, input, output, model, usage, trouble, metadata, trace: whole } = observation;
  const cleaned = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, typeof value === "number" ? value : clean(value)]],
      ),
    );
  const own = createObservationAttributes(kind, {
    ...(input === undefined ? {} : { input: clean(input) }),
    ...(output === undefined ? {} : { output: clean(output) }),
    ...(model === undefined ? {} : { model: clean(model) }),
    ...(usage ? { usageDetails: { ...usage } } : {}),
    ...(trouble ? { level: trouble.level, statusMessage: clean(trouble.message) } : {}),
    ...(metadata ? { metadata: cleaned(metadata) } : {}),
  });
  if (!whole) return own;
  const ofTrace = Object.entries(cleaned(whole.metadata)).map(([name, value]) => [
    `${names.TRACE_METADATA}.${name}`,
    value,
  ]);
  return {
    ...own,
    [names.TRACE_NAME]: "agenticore-job",
    [names.TRACE_INPUT]: clean(whole.input),
    ...(whole.output === undefined ? {} : { [names.TRACE_OUTPUT]: clean(whole.output) }),
    ...(whole.session === undefined ? {} : { [names.TRACE_SESSION_ID]: whole.session }),
    [names.TRACE_TAGS]: [...whole.tags],
    ...Object.fromEntries(ofTrace),
  };
}

function exporterTo({
  host,
  publicKey,
  secretKey,
  foreignHeaders,
  version,
}: Omit<Options, "clock" | "redact" | "onTrouble">) {
  const login = Buffer.from(`${publicKey}:${secretKey}`).toString("base64");
  return new OTLPTraceExporter({
    url: `${host.replace(/\/+$/, "")}/api/public/otel/v1/traces`,
    headers: {
      ...Object.fromEntries(foreignHeaders.map((name) => [name, ""])),
      authorization: `Basic ${login}`,
      "x-langfuse-sdk-name": "javascript",
      "x-langfuse-sdk-version": version,
      "x-langfuse-public-key": publicKey,
    },
    timeoutMillis: 5_000,
  });
}

const exported = (exporter: SpanExporter, spans: readonly ReadableSpan[]): Promise<void> =>
  new Promise((resolve, reject) => {
    exporter.export([...spans], ({ code, error }: ExportResult) => {
      if (code === ExportResultCode.SUCCESS) return resolve();
      const status = (error as { code?: unknown } | undefined)?.code;
      const isFinal = typeof status === "number" && status >= 400 && status < 500 && status !== 408 && status !== 429;
      reject(isFinal ? new Refused(`Langfuse answered ${status}`) : (error ?? new Error("Langfuse does not answer")));
    });
  });

const sizeOf = ({ attributes }: ReadableSpan): number => JSON.stringify(attributes).length + 500;
