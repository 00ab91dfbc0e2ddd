import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ask, handOn, passedHeaders } from "./forward.ts";
import type { ModelAccess } from "./model-access.ts";
import { refuse } from "./refuse.ts";
import { type UpstreamAgents, upstreamAgents } from "./upstream-agent.ts";

/** One job's place at the broker: what Claude is given instead of the key and the service's address. */
export type BrokerPlace = Readonly<{
  url: string;
  placeholder: string;
  /** Bytes that were answered so far. */
  answered: () => number;
}> &
  Disposable;

export type BrokerOrder = Readonly<{
  access: ModelAccess;
  /** Whether the job holds its lease at this moment. */
  holds: () => boolean;
  /** Ends what is under way. */
  signal: AbortSignal;
}>;

/**
 * Keeps the model's key from jobs: a server on loopback, one a runner, that puts the real key into requests to the
 * Messages API, for whoever shows the placeholder of a job that holds its lease, and passes the answers on as they come.
 */
export type KeyBroker = Readonly<{ open: (order: BrokerOrder) => BrokerPlace }> & AsyncDisposable;

/** In `-p` Claude Code asks for the first of them only (measured with 2.1.197 and 2.1.330). */
const paths = new Set(["/v1/messages", "/v1/messages/count_tokens"].flatMap((path) => [path, `${path}?beta=true`]));
/** The Messages API takes 32 MB. */
const maxBody = 32 * 1024 * 1024;
/** Of one job at once: subagents ask side by side. */
const maxAtOnce = 32;
const maxHeld = 128 * 1024 * 1024;

type Place = BrokerOrder & { open: number; held: number; answered: number; readonly gone: AbortController };
type Places = Map<string, Place>;

/**
 * `variables` are the runner's own: proxy, authorities and client certificate are taken from them.
 * @throws Error from node:net when no port of loopback can be had.
 */
export async function startBroker(variables: Readonly<Record<string, string | undefined>>): Promise<KeyBroker> {
  const places: Places = new Map();
  const agents = upstreamAgents(variables);
  const server = createServer({ maxHeaderSize: 64 * 1024, requestTimeout: 60_000 }, (request, out) => {
    serve(request, out, { places, agents }).catch(() => out.destroy());
  });
  server.keepAliveTimeout = 600_000; // a connection that Claude is about to use again is not closed under it
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    open: (order) => {
      const placeholder = `agenticore-${randomBytes(24).toString("base64url")}`;
      const place: Place = { ...order, open: 0, held: 0, answered: 0, gone: new AbortController() };
      places.set(placeholder, place);
      const end = () => {
        places.delete(placeholder);
        place.gone.abort();
      };
      return { url, placeholder, answered: () => place.answered, [Symbol.dispose]: end };
    },
    [Symbol.asyncDispose]: async () => {
      for (const { gone } of places.values()) gone.abort();
      agents[Symbol.dispose]();
      await close(server);
    },
  };
}

type Parts = Readonly<{ places: Places; agents: UpstreamAgents }>;

async function serve(request: IncomingMessage, out: ServerResponse, { places, agents }: Parts): Promise<void> {
  const path = request.url ?? "";
  // Older versions look whether anybody is there; they need no answer of the service for that.
  if (request.method === "HEAD" && (path === "/" || path === "/api/hello")) return void out.writeHead(200).end();
  const place = places.get(shown(request));
  if (!place?.holds() || place.signal.aborted)
    return refuse(out, 401, "This key is not valid here: it belongs to no job that is running.");
  if (request.method !== "POST" || !paths.has(path))
    return refuse(out, 404, "Agenticore's key broker serves the Messages API only.");
  if (place.open >= maxAtOnce) return refuse(out, 529, "The job has too many requests under way.");
  const left = new AbortController();
  out.once("close", () => left.abort());
  place.open++;
  try {
    const signal = AbortSignal.any([place.signal, place.gone.signal, left.signal]);
    await exchange(request, out, { place, agents, signal });
  } finally {
    place.open--;
  }
}

type Exchange = Readonly<{ place: Place; agents: UpstreamAgents; signal: AbortSignal }>;

async function exchange(
  request: IncomingMessage,
  out: ServerResponse,
  { place, agents, signal }: Exchange,
): Promise<void> {
  const { access } = place;
  const body = await bodyOf(request, place);
  try {
    if (body === undefined) return refuse(out, 413, "The request is larger than the Messages API takes.");
    if (signal.aborted || !place.holds()) return void out.destroy();
    const url = urlOf(access.upstream, request.url ?? "");
    const headers = { ...passedHeaders(request.headers), ...access.headers, ...credentials(request, access) };
    const answer = await ask({ url, headers, body }, agents.of(url), signal).catch((error: unknown) => error as Error);
    if (signal.aborted) return void out.destroy();
    if (answer instanceof Error)
      return refuse(out, 502, `The model's service cannot be reached: ${hidden(answer.message)}`);
    const count = (bytes: number) => (place.answered += bytes);
    await handOn(answer, out, { hide: hidden, count });
  } finally {
    place.held -= body?.length ?? 0;
  }
  function hidden(text: string): string {
    return access.keys.reduce((rest, { value }) => rest.replaceAll(value, "[redacted]"), text);
  }
}

/** What the request shows as its key; Claude sends one of the two headers, or both. */
const shown = ({ headers }: IncomingMessage): string =>
  String(headers["x-api-key"] ?? headers.authorization?.replace(/^Bearer /, "") ?? "");

/** The real key in each header in which the placeholder came. */
function credentials({ headers }: IncomingMessage, { keys }: ModelAccess): Record<string, string> {
  const own = keys.filter(({ header }) => headers[header] !== undefined);
  return Object.fromEntries(
    own.map(({ header, value }) => [header, header === "authorization" ? `Bearer ${value}` : value]),
  );
}

/** A gateway's own path stays in front. */
function urlOf(upstream: URL, path: string): URL {
  const url = new URL(path, upstream);
  url.pathname = upstream.pathname.replace(/\/+$/, "") + url.pathname;
  url.username = upstream.username;
  url.password = upstream.password;
  return url;
}

/** Undefined for a body over the limits. @throws Error when it broke off. */
async function bodyOf(request: IncomingMessage, place: Place): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let whole = false;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      place.held += part.length;
      if (bytes > maxBody || place.held > maxHeld) return undefined;
      parts.push(part);
    }
    whole = true;
  } finally {
    if (!whole) place.held -= bytes;
  }
  return Buffer.concat(parts);
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
