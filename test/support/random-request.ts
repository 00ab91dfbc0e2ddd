import { fitting, type Schema, type Source, spoiled } from "./schema-value.ts";

type Parameter = Readonly<{ name: string; in: string; required?: boolean; schema?: Schema }>;
type Operation = Readonly<{
  parameters?: readonly Parameter[];
  requestBody?: Readonly<{ content: Readonly<Record<string, Readonly<{ schema?: Schema }>>> }>;
}>;
/** As much of an OpenAPI document as requests are made of. */
export type ApiDocument = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;
export type AnyRequest = Readonly<{
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}>;

type Header = readonly [name: string, value: string];

const methods = ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"] as const;
const bodies = ['{"task":', "", "[", '{"task":"x"}}', "\u0000", '{"a":1,"a":2}', "null", '"x"', "1e999"] as const;
const oddHeaders: readonly [Header, ...Header[]] = [
  ["content-type", "text/plain"],
  ["content-type", "application/json; charset=utf-16"],
  ["content-encoding", "gzip"],
  ["accept", "application/json"],
  ["accept", "text/html;q=x, */*"],
  ["last-event-id", "1-nonsense"],
  ["idempotency-key", "again"],
  ["idempotency-key", "x".repeat(300)],
  ["x-request-id", "a b\tc"],
  ["origin", "https://evil.example"],
  ["x-forwarded-host", "evil.example"],
  ["content-length", "-5"],
  ["transfer-encoding", "chunked, chunked"],
  ["range", "bytes=0-"],
  ["x-http-method-override", "DELETE"],
];
/** What is put where a name or an identifier belongs, as it stands in the address. */
const oddSegments = [
  ...["..%2f..%2fetc%2fpasswd", "%2e%2e", "%00", "%ff", "%F0%9F%99%82", "%", "a%0d%0ab", "__proto__", "-", "*", " "],
  ...["x".repeat(2_000), "00000000-0000-4000-8000-000000000000", "ACE", "1", "%25252e", "jobs%3Flimit=1"],
] as const;

export const schemaOf =
  (document: ApiDocument) =>
  (ref: string): Schema =>
    document.components.schemas[ref.split("/").at(-1) ?? ""] ?? {};

/**
 * A request that the document describes, or nearly: of each operation as often, half of them well formed, the others with
 * something wrong in path, query, headers or body.
 */
export function randomRequest(document: ApiDocument, source: Source): AnyRequest {
  const { random } = source;
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const chosen = operations[random.below(operations.length)];
  if (!chosen) throw new Error("the document describes nothing");
  const isWell = random.below(2) === 0;
  const isOdd = (one: number) => !isWell && random.below(one) === 0;
  const { parameters = [], requestBody } = chosen.operation;
  const path = chosen.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (isOdd(3)) return random.pick(oddSegments);
    return name === "id" ? source.id() : encodeURIComponent(random.pick(source.words).slice(0, 40));
  });
  const query = parameters
    .filter(({ in: where, required }) => where === "query" && (required || random.below(3) === 0))
    .map(({ name, schema = {} }) => [name, textOf(isOdd(3) ? spoiled("", source) : fitting(schema, source))])
    .concat(isOdd(6) ? [[random.pick(["colour", "__proto__", "limit", "key"]), "x"]] : []);
  const headers = parameters
    .filter(({ in: where }) => where === "header" && random.below(3) === 0)
    .map(({ name, schema = {} }) => [name, textOf(fitting(schema, source))] as const)
    .concat(isOdd(3) ? [random.pick(oddHeaders)] : []);
  const method = isOdd(10) ? random.pick(methods) : chosen.method;
  const schema = requestBody?.content["application/json"]?.schema;
  const value = schema === undefined ? undefined : fitting(schema, source);
  const text = isOdd(6) ? random.pick(bodies) : json(isOdd(2) ? spoiled(value, source) : value, isOdd(40));
  const body = ["GET", "HEAD"].includes(method) || text === undefined ? {} : { body: text };
  const type = "body" in body ? { "content-type": "application/json" } : {};
  const search = query.map((pair) => pair.map((part) => encodeURIComponent(part.toWellFormed())).join("=")).join("&");
  return {
    method,
    path: `${path}${search ? `?${search}` : ""}`,
    headers: { ...type, ...Object.fromEntries(headers) },
    ...body,
  };
}

const json = (value: unknown, isDeep: boolean): string | undefined =>
  isDeep ? `{"metadata":${'{"a":'.repeat(20_000)}1${"}".repeat(20_001)}` : JSON.stringify(value);

const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
