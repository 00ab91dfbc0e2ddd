import { type ListToolsResult, ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import { toAppError } from "../../shared/error.ts";
import { toProblem } from "../../shared/problem.ts";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { callTool } from "./call-tool.ts";
import { instructions } from "./instructions.ts";
import { type Notify, withProgress } from "./progress.ts";
import { getPrompt, promptList } from "./prompts.ts";
import { listResources, readResource, resourceTemplates } from "./resources.ts";
import { tools } from "./tools.ts";

/** Who is served, a signal that aborts when they are gone, and whether changes of resources can be listened to. */
export type McpCaller = Pick<Asking, "caller" | "requestId" | "signal"> & Readonly<{ subscribe?: boolean }>;

/** These lists are the same for everybody until the program is another one. */
const fixed = { ttlMs: 3_600_000, cacheScope: "public" } as const;
const cacheHints = {
  "tools/list": fixed,
  "prompts/list": fixed,
  "resources/templates/list": fixed,
  "server/discover": fixed,
};
const toolList = { tools: tools.map((tool) => tool.listed) } as unknown as ListToolsResult;

/**
 * The tools, resources and prompts of this door for one caller: for one request over HTTP, for one connection over stdio.
 * The low-level server of the SDK, because a call's wrong arguments are told as our problems, and nothing is built anew
 * for each request.
 */
export function mcpServer(deps: ApiDeps, { subscribe = false, ...asking }: McpCaller): Server {
  const { signal } = asking;
  const server = new Server(
    { name: "agenticore", title: "Agenticore", version: deps.version },
    { capabilities: { tools: {}, resources: subscribe ? { subscribe } : {}, prompts: {} }, instructions, cacheHints },
  );
  server.setRequestHandler("tools/list", () => toolList);
  server.setRequestHandler("tools/call", async ({ params }, ctx) => {
    using link = linkSignals(ctx.mcpReq.signal, signal);
    const call = { deps, asking: { ...asking, signal: link.signal } };
    const token = ctx.mcpReq._meta?.progressToken;
    if (token === undefined) return await callTool(params, { ...call, follow: () => undefined });
    const notify: Notify = (told) =>
      ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, ...told } });
    return await withProgress(deps, { ...call, notify }, (follow) => callTool(params, { ...call, follow }));
  });
  server.setRequestHandler("resources/list", () => told(deps, () => listResources(deps, asking)));
  server.setRequestHandler("resources/templates/list", () => resourceTemplates);
  server.setRequestHandler("resources/read", ({ params }) => told(deps, () => readResource(deps, params.uri, asking)));
  server.setRequestHandler("prompts/list", () => promptList);
  server.setRequestHandler("prompts/get", ({ params }) => getPrompt(params.name, params.arguments));
  return server;
}

/** What is not a tool has no other place for a problem than the JSON-RPC error: its sentence, and the problem as data. */
async function told<T>({ log }: ApiDeps, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof ProtocolError) throw thrown;
    const error = toAppError(thrown);
    if (error.code === "internal") log.error("mcp request failed", { error: error.cause ?? error });
    const problem = toProblem(error);
    throw new ProtocolError(ProtocolErrorCode.InternalError, problem.detail, problem);
  }
}
