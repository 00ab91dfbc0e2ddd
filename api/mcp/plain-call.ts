import { SERVER_INFO_META_KEY } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { answerJson } from "../answer-headers.ts";
import type { ApiDeps, ApiEnv } from "../deps.ts";
import { asking } from "../routes/asking.ts";
import { callTool } from "./call-tool.ts";
import { plainMessage, revision } from "./plain-message.ts";
import { serverInfo } from "./server-info.ts";
import { tools } from "./tools.ts";

/** Those that are answered at once, and say nothing before. */
const prompt = new Set(tools.flatMap((tool) => (tool.startsJob || tool.waits ? [] : [tool.name])));

/**
 * Answers a call of a tool in the revision 2026-07-28 that needs nothing but its answer, to the byte as the SDK's server
 * does, at a fifth of the time: a server for each request, and several looks at each message, cost more than all else here.
 * Undefined for whatever is not to the letter such a call, above all for what is to be refused: the SDK answers that.
 */
export async function answerPlainCall(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  message: unknown,
): Promise<Response | undefined> {
  if (c.req.header("mcp-protocol-version") !== revision || c.req.header("mcp-method") !== "tools/call")
    return undefined;
  const call = plainMessage(message);
  if (!call) return undefined;
  const { id, name, args } = call;
  if (!prompt.has(name) || c.req.header("mcp-name") !== name) return undefined;
  const given = { deps, asking: asking(c), tools, takesTasks: false, follow: () => undefined };
  const result = {
    ...(await callTool({ name, arguments: args }, given)),
    resultType: "complete",
    _meta: { [SERVER_INFO_META_KEY]: serverInfo(deps) },
  };
  return answerJson(c, { result, jsonrpc: "2.0", id }, { status: 200 });
}
