import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { MakeMcpServer } from "../mcp/server.ts";

/**
 * MCP over Streamable HTTP, for the revision 2026-07-28 and those of 2025, behind the same gates as REST: stateless, so
 * that every instance answers every request; and over HTTP+SSE, for older clients, relayed through the store. Loaded with the
 * first request: a server that nobody asks by MCP is 8 MB smaller.
 */
export function mcpRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>, make?: MakeMcpServer): void {
  let door: typeof import("../mcp/answer.ts") | undefined;
  app.all("/mcp", (c) => {
    if (door) return door.answerMcp(deps, c, make); // to ask for what is loaded has its price too
    return import("../mcp/answer.ts").then((loaded) => {
      door = loaded;
      return loaded.answerMcp(deps, c, make);
    });
  });
  app.get("/sse", async (c) => (await import("../mcp/answer-sse.ts")).answerSse(deps, c));
  app.post("/messages", async (c) => (await import("../mcp/answer-message.ts")).answerMessage(deps, c));
}
