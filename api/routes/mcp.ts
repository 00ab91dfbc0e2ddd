import type { OpenAPIHono } from "@hono/zod-openapi";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { maxBodyBytes } from "../body.ts";
import type { ApiDeps, ApiEnv } from "../deps.ts";
import { mcpServer } from "../mcp/server.ts";
import { jobBus, subscribedUris } from "../mcp/subscriptions.ts";
import { asking } from "./asking.ts";

/**
 * MCP over Streamable HTTP, for the revision 2026-07-28 and those of 2025, stateless: any instance answers any request.
 * Behind the same gates as REST. A handler for each request, because what it serves is its caller's alone.
 */
export function mcpRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  app.all("/mcp", async (c) => {
    const { log } = deps;
    const { raw } = c.req;
    // Each request of 2026-07-28 names its method there; the SDK checks that it is the body's.
    const listens = c.req.header("mcp-method") === "subscriptions/listen";
    const uris = listens
      ? subscribedUris(
          await raw
            .clone()
            .json()
            .catch(() => undefined),
        )
      : [];
    const handler = createMcpHandler(({ era }) => mcpServer(deps, { ...asking(c), subscribe: era === "modern" }), {
      maxRequestBodySize: maxBodyBytes,
      bus: jobBus(deps, { uris, asking: asking(c), close: () => void handler.close() }),
      onerror: (error) => log.debug("mcp request refused", { request_id: c.get("requestId"), error }),
    });
    return await handler.fetch(raw);
  });
}
