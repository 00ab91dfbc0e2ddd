import type { OpenAPIHono } from "@hono/zod-openapi";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { maxBodyBytes } from "../body.ts";
import type { ApiDeps, ApiEnv } from "../deps.ts";
import { mcpServer } from "../mcp/server.ts";
import { asking } from "./asking.ts";

/**
 * MCP over Streamable HTTP, for the revision 2026-07-28 and those of 2025, stateless: any instance answers any request.
 * Behind the same gates as REST. A handler for each request, because what it serves is its caller's alone.
 */
export function mcpRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  app.all("/mcp", async (c) => {
    const { log } = deps;
    const handler = createMcpHandler(() => mcpServer(deps, asking(c)), {
      maxRequestBodySize: maxBodyBytes,
      onerror: (error) => log.debug("mcp request refused", { request_id: c.get("requestId"), error }),
    });
    return await handler.fetch(c.req.raw);
  });
}
