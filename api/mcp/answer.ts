import { createMcpHandler } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import type { ApiEnv } from "../asked.ts";
import { maxBodyBytes } from "../body.ts";
import type { ApiDeps } from "../deps.ts";
import { askingMeanwhile } from "../routes/asking.ts";
import { answerPlainCall } from "./plain-call.ts";
import { type MakeMcpServer, mcpServer } from "./server.ts";
import { jobBus, subscribedUris } from "./subscriptions.ts";

/**
 * Answers one request of MCP's Streamable HTTP. A handler for each, because what it serves is its caller's alone; `make`
 * makes what is behind it.
 */
export function answerMcp(deps: ApiDeps, c: Context<ApiEnv>, make: MakeMcpServer = mcpServer): Promise<Response> {
  const { raw } = c.req;
  const { request, message } =
    raw.method === "POST" ? read(raw, c.get("asked").text ?? "") : { request: raw, message: undefined };
  const plain = make === mcpServer ? answerPlainCall(deps, c, message) : undefined;
  return plain ?? answerBySdk(deps, c, { request, message, make });
}

type Asked = Readonly<{ request: Request; message: unknown; make: MakeMcpServer }>;

async function answerBySdk(deps: ApiDeps, c: Context<ApiEnv>, { request, message, make }: Asked): Promise<Response> {
  const { log } = deps;
  // Each request of 2026-07-28 names its method there; the SDK checks that it is the body's.
  const listens = c.req.header("mcp-method") === "subscriptions/listen";
  const modern = { era: "modern", subscribe: true, only: methodOf(message) } as const;
  const handler = createMcpHandler(
    ({ era }) => make(deps, { ...askingMeanwhile(c), ...(era === "modern" ? modern : { era }) }),
    {
      maxRequestBodySize: maxBodyBytes,
      bus: jobBus(deps, {
        uris: listens ? subscribedUris(message) : [],
        asking: askingMeanwhile(c),
        close: () => void handler.close(),
      }),
      onerror: (error) => log.debug("mcp request refused", { request_id: c.get("asked").requestId, error }),
    },
  );
  return await handler.fetch(request, message === undefined ? {} : { parsedBody: message });
}

/** The body was read before: what is JSON is given as it was parsed, and what is none to be refused. */
function read(raw: Request, text: string): Pick<Asked, "request" | "message"> {
  try {
    return { request: raw, message: JSON.parse(text) };
  } catch {
    const { method, headers, signal } = raw;
    return { request: new Request(raw.url, { method, headers, signal, body: text }), message: undefined };
  }
}

/** Of a message alone; those of 2025 may come many together. */
const methodOf = (message: unknown): string | undefined =>
  typeof message === "object" && message !== null && "method" in message && typeof message.method === "string"
    ? message.method
    : undefined;
