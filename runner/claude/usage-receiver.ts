import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Usage } from "../../shared/job.ts";
import { fromJson } from "../../shared/json.ts";
import { apiRequestsIn } from "./otlp-logs.ts";
import { addUsage, noUsage, usageHeader } from "./usage.ts";

/** Of one process of Claude, so far. */
export type Metered = Readonly<{ cost_usd: number; usage: Usage; requests: number }>;

/** One job's place at the receiver; `url` and `token` go into Claude's environment. */
export type Meter = Readonly<{ url: string; token: string; total: () => Metered }> & Disposable;

/** Takes Claude's own log events over OTLP/HTTP with JSON, one receiver a runner, on loopback. */
export type UsageReceiver = Readonly<{
  url: string;
  /**
   * `onUpdate` is called after each batch that told of requests, with the total over the process; `relay` with all that
   * Claude tells, once it has its answer.
   */
  meter: (onUpdate: (total: Metered) => void, relay?: Relay) => Meter;
}> &
  AsyncDisposable;

export type Signal = "traces" | "logs" | "metrics";
/** Takes a request of OTLP as Claude sent it, parsed; must return at once and not throw. */
export type Relay = (signal: Signal, body: unknown) => void;

const maxBody = 4 * 1024 * 1024;
/** A fabricated log must not make sums that are no numbers any more. */
const mostUsd = 1e6;

/** @throws Error from node:net when no port of loopback can be had. */
export async function startUsageReceiver(): Promise<UsageReceiver> {
  const jobs: Jobs = new Map();
  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 30_000 }, (request, out) => {
    answer(request, out, jobs).catch(() => out.destroy()); // whatever an agent sends ends its own connection alone
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    meter: (onUpdate, relay) => openMeter({ url, jobs, relay }, onUpdate),
    [Symbol.asyncDispose]: () => close(server),
  };
}

/** `relay` is absent where nobody wants the rest. */
type Taker = Readonly<{ count: (body: unknown) => void; relay: Relay | undefined }>;
type Jobs = Map<string, Taker>;
type Place = Readonly<{ url: string; jobs: Jobs; relay: Relay | undefined }>;

function openMeter({ url, jobs, relay }: Place, onUpdate: (total: Metered) => void): Meter {
  const token = randomBytes(24).toString("base64url");
  let total: Metered = { cost_usd: 0, usage: noUsage, requests: 0 };
  const count = (body: unknown) => {
    const told = apiRequestsIn(body);
    if (told.length === 0) return;
    total = {
      cost_usd: Math.min(
        mostUsd,
        told.reduce((sum, { cost_usd }) => sum + cost_usd, total.cost_usd),
      ),
      usage: told.map(({ usage }) => usage).reduce(addUsage, total.usage),
      requests: total.requests + told.length,
    };
    onUpdate(total);
  };
  jobs.set(token, { count, relay });
  return { url, token, total: () => total, [Symbol.dispose]: () => void jobs.delete(token) };
}

/** What nobody wants is accepted all the same, so that Claude does not try it again. */
async function answer(request: IncomingMessage, out: ServerResponse, jobs: Jobs): Promise<void> {
  const take = jobs.get(String(request.headers[usageHeader] ?? ""));
  if (!take) return end(out, 401);
  const signal = signalOf(request);
  if (!signal) return end(out, 404);
  const body = await bodyOf(request);
  if (body === undefined) return end(out, 413);
  if (signal !== "logs" && !take.relay) return end(out, 200);
  const content = fromJson(body);
  if (content === undefined) return end(out, 400);
  if (signal === "logs") take.count(content);
  end(out, 200);
  take.relay?.(signal, content);
}

const signalOf = ({ method, url }: IncomingMessage): Signal | undefined =>
  method === "POST" ? (/^\/v1\/(logs|metrics|traces)$/.exec(url ?? "")?.[1] as Signal | undefined) : undefined;

/** Undefined for a body over the limit, or one that broke off. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request) {
      bytes += (part as Buffer).length;
      if (bytes > maxBody) return undefined;
      parts.push(part as Buffer);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts).toString();
}

/** After a refusal the rest of the body is not waited for: the connection closes. */
function end(out: ServerResponse, status: number): void {
  out.writeHead(status, { "content-type": "application/json", ...(status === 200 ? {} : { connection: "close" }) });
  out.end("{}");
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
