import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiDeps, ApiEnv } from "../deps.ts";

/**
 * MCP over Streamable HTTP, for the revision 2026-07-28 and those of 2025, stateless: any instance answers any request.
 * Behind the same gates as REST. Loaded with the first request: a server that nobody asks by MCP is a fifth smaller.
 */
export function mcpRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  app.all("/mcp", async (c) => (await import("../mcp/answer.ts")).answerMcp(deps, c));
}
