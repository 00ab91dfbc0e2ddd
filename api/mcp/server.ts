import { type ListToolsResult, Server } from "@modelcontextprotocol/server";
import type { ApiDeps, Caller } from "../deps.ts";
import { linkSignals } from "../link-signals.ts";
import { callTool } from "./call-tool.ts";
import { instructions } from "./instructions.ts";
import { type Notify, withProgress } from "./progress.ts";
import { tools } from "./tools.ts";

/** Who is served, and a signal that aborts when they are gone. */
export type McpCaller = Readonly<{ caller: Caller; signal?: AbortSignal }>;

/** The lists are the same for everybody until the program is another one. */
const listed = { ttlMs: 3_600_000, cacheScope: "public" } as const;

/**
 * The tools of this door for one caller: for one request over HTTP, for one connection over stdio. The low-level server
 * of the SDK, because a call's wrong arguments are told as our problems, and nothing is built anew for each request.
 */
export function mcpServer(deps: ApiDeps, { caller, signal }: McpCaller): Server {
  const server = new Server(
    { name: "agenticore", title: "Agenticore", version: deps.version },
    { capabilities: { tools: {} }, instructions, cacheHints: { "tools/list": listed, "server/discover": listed } },
  );
  server.setRequestHandler("tools/list", () => ({ tools: tools.map((tool) => tool.listed) }) as ListToolsResult);
  server.setRequestHandler("tools/call", async ({ params }, ctx) => {
    using link = linkSignals(ctx.mcpReq.signal, signal);
    const asking = { caller, signal: link.signal };
    const token = ctx.mcpReq._meta?.progressToken;
    if (token === undefined) return await callTool(params, { deps, asking, follow: () => undefined });
    const notify: Notify = (told) =>
      ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, ...told } });
    return await withProgress(deps, { asking, notify }, (follow) => callTool(params, { deps, asking, follow }));
  });
  return server;
}
