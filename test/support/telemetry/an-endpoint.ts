import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

export type Arrived = Readonly<{ path: string; headers: Headers; body: Buffer; json: unknown }>;
export type SeenSpan = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startMs: number;
  endMs: number;
  attributes: Readonly<Record<string, string | number | boolean>>;
  resource: Readonly<Record<string, string | number | boolean>>;
  status: Readonly<{ code?: number; message?: string }>;
}>;
/** How it answers: a status, or not at all. */
type Mood = number | "hanging";

/** An OTLP/HTTP endpoint on loopback that remembers what arrives, and answers as it is told. */
export async function anEndpoint(mood: Mood = 200) {
  let now: Mood = mood;
  const arrived: Arrived[] = [];
  const hanging = new Set<() => void>();
  const app = new Hono();
  app.post("*", async ({ req, json, body: answer }) => {
    const body = Buffer.from(await req.arrayBuffer());
    const isJson = req.header("content-type") === "application/json";
    arrived.push({
      ...{ path: req.path, headers: new Headers(req.header()), body },
      json: isJson ? JSON.parse(body.toString()) : undefined,
    });
    if (now === "hanging") {
      await new Promise<void>((go) => hanging.add(go));
      return answer(null, 503);
    }
    return now === 200 ? json({}) : answer("no", now as 500);
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived: (): readonly Arrived[] => arrived,
    at: (path: string): readonly Arrived[] => arrived.filter((one) => one.path === path),
    /** All spans that came as JSON. */
    spans: (): readonly SeenSpan[] => arrived.flatMap(({ json }) => spansOf(json)),
    be: (next: Mood) => {
      now = next;
      for (const go of hanging) go();
    },
    [Symbol.asyncDispose]: async () => {
      for (const go of hanging) go();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

type Attributes = readonly Readonly<{ key: string; value: Readonly<Record<string, unknown>> }>[];
type Traces = Readonly<{
  resourceSpans?: readonly Readonly<{
    resource: { attributes: Attributes };
    scopeSpans: readonly { spans: readonly Record<string, unknown>[] }[];
  }>[];
}>;

const spansOf = (json: unknown): SeenSpan[] =>
  ((json as Traces | undefined)?.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map(
        (span) =>
          ({
            ...span,
            startMs: Number(span["startTimeUnixNano"]) / 1e6,
            endMs: Number(span["endTimeUnixNano"]) / 1e6,
            attributes: plain((span["attributes"] ?? []) as Attributes),
            resource: plain(resource.attributes),
          }) as unknown as SeenSpan,
      ),
  );

/** `[{key, value: {stringValue}}]` as an object. */
export const plain = (attributes: Attributes): Record<string, string | number | boolean> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [kind = "", content] = Object.entries(value)[0] ?? [];
      return [key, kind === "intValue" ? Number(content) : (content as string)];
    }),
  );
