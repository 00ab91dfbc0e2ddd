/** How a field is written (protobuf.dev/programming-guides/encoding). `id` is bytes that JSON spells in hex. */
export type Scalar = "string" | "bool" | "varint" | "fixed64" | "double" | "fixed32" | "id" | "base64";
type Kind = Scalar | Shape | (() => Shape);
/** Fields by their JSON name: number, kind, and whether it repeats (numbers in one packed field). */
export type Shape = Readonly<Record<string, readonly [number: number, kind: Kind, repeated?: true]>>;

const AnyValue: Shape = {
  stringValue: [1, "string"],
  boolValue: [2, "bool"],
  intValue: [3, "varint"],
  doubleValue: [4, "double"],
  arrayValue: [5, () => ({ values: [1, AnyValue, true] })],
  kvlistValue: [6, () => ({ values: [1, KeyValue, true] })],
  bytesValue: [7, "base64"],
};
const KeyValue: Shape = { key: [1, "string"], value: [2, AnyValue] };
const Resource: Shape = { attributes: [1, KeyValue, true], droppedAttributesCount: [2, "varint"] };
const Scope: Shape = { name: [1, "string"], version: [2, "string"], attributes: [3, KeyValue, true] };

const Span: Shape = {
  traceId: [1, "id"],
  spanId: [2, "id"],
  traceState: [3, "string"],
  parentSpanId: [4, "id"],
  name: [5, "string"],
  kind: [6, "varint"],
  startTimeUnixNano: [7, "fixed64"],
  endTimeUnixNano: [8, "fixed64"],
  attributes: [9, KeyValue, true],
  droppedAttributesCount: [10, "varint"],
  events: [11, { timeUnixNano: [1, "fixed64"], name: [2, "string"], attributes: [3, KeyValue, true] }, true],
  droppedEventsCount: [12, "varint"],
  links: [
    13,
    { traceId: [1, "id"], spanId: [2, "id"], traceState: [3, "string"], attributes: [4, KeyValue, true] },
    true,
  ],
  droppedLinksCount: [14, "varint"],
  status: [15, { message: [2, "string"], code: [3, "varint"] }],
  flags: [16, "fixed32"],
};

const LogRecord: Shape = {
  timeUnixNano: [1, "fixed64"],
  severityNumber: [2, "varint"],
  severityText: [3, "string"],
  body: [5, AnyValue],
  attributes: [6, KeyValue, true],
  droppedAttributesCount: [7, "varint"],
  flags: [8, "fixed32"],
  traceId: [9, "id"],
  spanId: [10, "id"],
  observedTimeUnixNano: [11, "fixed64"],
  eventName: [12, "string"],
};

const NumberPoint: Shape = {
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  asDouble: [4, "double"],
  asInt: [6, "fixed64"],
  attributes: [7, KeyValue, true],
  flags: [8, "varint"],
};
const HistogramPoint: Shape = {
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  bucketCounts: [6, "fixed64", true],
  explicitBounds: [7, "double", true],
  attributes: [9, KeyValue, true],
  flags: [10, "varint"],
  min: [11, "double"],
  max: [12, "double"],
};
const Metric: Shape = {
  name: [1, "string"],
  description: [2, "string"],
  unit: [3, "string"],
  gauge: [5, { dataPoints: [1, NumberPoint, true] }],
  sum: [7, { dataPoints: [1, NumberPoint, true], aggregationTemporality: [2, "varint"], isMonotonic: [3, "bool"] }],
  histogram: [9, { dataPoints: [1, HistogramPoint, true], aggregationTemporality: [2, "varint"] }],
};

const request = (list: string, records: string, shape: Shape): Shape => {
  const scoped: Shape = { scope: [1, Scope], [records]: [2, shape, true], schemaUrl: [3, "string"] };
  return {
    [list]: [
      1,
      { resource: [1, Resource], [`scope${capital(records)}`]: [2, scoped, true], schemaUrl: [3, "string"] },
      true,
    ],
  };
};
const capital = (name: string): string =>
  name === "logRecords" ? "Logs" : `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** The three kinds of what Claude Code tells, and their requests (opentelemetry-proto 1.x). Exemplars are left out. */
export const otlpRequests = {
  traces: request("resourceSpans", "spans", Span),
  logs: request("resourceLogs", "logRecords", LogRecord),
  metrics: request("resourceMetrics", "metrics", Metric),
} as const;
export type Signal = keyof typeof otlpRequests;
