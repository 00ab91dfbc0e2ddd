import { type ListToolsResult, Server } from "@modelcontextprotocol/server";
import type { ApiDeps } from "../deps.ts";
import { instructions } from "./instructions.ts";
import { getPrompt, promptList } from "./prompts.ts";
import { listResources, readResource, resourceTemplates } from "./resources.ts";
import { type McpCaller, serveCall } from "./serve-call.ts";
import { serverInfo } from "./server-info.ts";
import { serveTasks, tasksCapability } from "./tasks.ts";
import { told } from "./told.ts";
import { tools } from "./tools.ts";

/** These lists are the same for everybody until the program is another one. */
const fixed = { ttlMs: 3_600_000, cacheScope: "public" } as const;
const cacheHints = {
  "tools/list": fixed,
  "prompts/list": fixed,
  "resources/templates/list": fixed,
  "server/discover": fixed,
};
export type MakeMcpServer = (deps: ApiDeps, caller: McpCaller) => Server;
const toolList = { tools: tools.map((tool) => tool.listed) } as unknown as ListToolsResult;

/**
 * The tools, resources and prompts of this door for one caller: for one request over HTTP, for one connection over stdio.
 * The low-level server of the SDK, because a call's wrong arguments are told as our problems, and nothing is built anew
 * for each request. Where one method is all that will be asked for, only that is set up: the others cost more than an answer.
 */
export function mcpServer(deps: ApiDeps, caller: McpCaller): Server {
  const { era, subscribe = false, only, ...asking } = caller;
  const isAsked = (method: string) => only === undefined || only === method;
  const isModern = era === "modern";
  const capabilities = {
    tools: {},
    resources: subscribe ? { subscribe } : {},
    prompts: {},
    ...(isModern ? { extensions: tasksCapability } : {}),
  };
  const server = new Server(serverInfo(deps), { capabilities, instructions, cacheHints });
  if (isAsked("tools/list")) server.setRequestHandler("tools/list", () => toolList);
  if (isAsked("tools/call"))
    server.setRequestHandler("tools/call", ({ params }, ctx) =>
      serveCall(deps, caller, { params, ctx, tools, declared: server.getClientCapabilities() }),
    );
  if (isAsked("resources/list"))
    server.setRequestHandler("resources/list", ({ method }) =>
      told(deps, { asking, method, path: "" }, () => listResources(deps, asking)),
    );
  if (isAsked("resources/templates/list"))
    server.setRequestHandler("resources/templates/list", () => resourceTemplates);
  if (isAsked("resources/read"))
    server.setRequestHandler("resources/read", ({ method, params: { uri } }) =>
      told(deps, { asking, method, path: uri }, () => readResource(deps, uri, asking)),
    );
  if (isAsked("prompts/list")) server.setRequestHandler("prompts/list", () => promptList);
  if (isAsked("prompts/get"))
    server.setRequestHandler("prompts/get", ({ params }) => getPrompt(params.name, params.arguments));
  if (isModern && (only === undefined || only.startsWith("tasks/"))) serveTasks(server, deps, asking);
  return server;
}
