import type { Clock } from "../../shared/clock.ts";
import type { Config } from "../../shared/config-keys.ts";
import { toJson } from "../../shared/json.ts";
import type { Log } from "../../shared/log.ts";
import type { Redact } from "../../shared/redact.ts";
import { grpcCall } from "./grpc-call.ts";
import { headersOf } from "./headers.ts";
import { encodeOtlp } from "./otlp-protobuf.ts";
import { otlpRequests, type Signal } from "./otlp-schema.ts";
import { type OutletCounts, openOutlet, Refused } from "./outlet.ts";
import { rarely } from "./rarely.ts";

/** The configured OTLP collector. Whoever gives it something never waits for it. */
export type Collector = Readonly<{
  /** A request of OTLP, parsed from JSON. Known secrets are taken out before it leaves. Never throws. */
  send: (signal: Signal, request: unknown) => void;
  counts: () => OutletCounts;
  close: (withinMs: number) => Promise<void>;
}>;
type Deps = Readonly<{ fetch: typeof globalThis.fetch; clock: Clock; log: Log; redact: Redact }>;
type Settings = Pick<Config, "otelEnabled" | "otelEndpoint" | "otelProtocol" | "otelHeaders">;

/** Undefined where telemetry is off: then nothing leaves. */
export function openCollector(config: Settings, { fetch, clock, log, redact }: Deps): Collector | undefined {
  const { otelEndpoint: endpoint, otelProtocol: protocol } = config;
  if (config.otelEnabled === true && endpoint === undefined)
    log.warn("telemetry is switched on and has no endpoint: nothing is sent", { key: "OTEL_EXPORTER_OTLP_ENDPOINT" });
  if (endpoint === undefined || config.otelEnabled === false) return undefined;
  const headers = headersOf(config.otelHeaders?.reveal() ?? "");
  const base = endpoint.replace(/\/+$/, "");
  const trouble = rarely(clock, (error) =>
    log.warn("the collector does not take telemetry", { error: String(error), ...outlet.counts() }),
  );
  const outlet = openOutlet<Piece>({
    clock,
    batch: 1,
    maxItems: 2_000,
    maxBytes: 16 * 1024 * 1024,
    lingerMs: 0,
    timeoutMs: 5_000,
    onTrouble: trouble,
    send: async ([piece], signal) => {
      if (!piece) return;
      if (protocol === "grpc") {
        const message = encodeOtlp(JSON.parse(piece.json), otlpRequests[piece.signal]);
        return await grpcCall({ endpoint: base, path: grpcPaths[piece.signal], headers, message }, signal);
      }
      const body = protocol === "http/json" ? piece.json : protobufOf(piece);
      const type = protocol === "http/json" ? "application/json" : "application/x-protobuf";
      const url = `${base}/v1/${piece.signal}`;
      const response = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": type },
        body,
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      if (!response.ok) throw failure(response.status);
    },
  });
  return {
    send: (signal, request) => {
      const told = toJson(request, undefined);
      if (told === undefined) return trouble(new Error("what a job has sent is nested too deep"));
      const json = redact(told);
      outlet.put({ signal, json }, Buffer.byteLength(json));
    },
    counts: outlet.counts,
    close: outlet.close,
  };
}

type Piece = Readonly<{ signal: Signal; json: string }>;

const protobufOf = ({ signal, json }: Piece): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(encodeOtlp(JSON.parse(json), otlpRequests[signal]));

const grpcPaths: Readonly<Record<Signal, string>> = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

/** Statuses after which the same request may be taken (OTLP 1.x, "Retryable response codes"). */
function failure(status: number): Error {
  const what = `the collector answered ${status}`;
  return [408, 429, 500, 502, 503, 504].includes(status) ? new Error(what) : new Refused(what);
}
