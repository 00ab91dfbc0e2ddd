import type { CallToolRequest, CallToolResult, InputRequiredResult, ServerContext } from "@modelcontextprotocol/server";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { callTool } from "./call-tool.ts";
import { canElicit, withUser } from "./elicit.ts";
import { type Notify, withProgress } from "./progress.ts";
import { takesTasks } from "./tasks.ts";
import type { AnyTool, ToolCall } from "./tool.ts";

/** Who is served, and a signal that aborts when they are gone. */
export type McpCaller = Pick<Asking, "caller" | "requestId" | "signal"> &
  Readonly<{
    /** The revision 2026-07-28, or those of 2025. */
    era: "modern" | "legacy";
    /** Changes of resources can be listened to. */
    subscribe?: boolean;
    /** The one method that this server will be asked for, where that is known. */
    only?: string | undefined;
  }>;
type Call = Readonly<{
  params: CallToolRequest["params"];
  ctx: ServerContext;
  tools: readonly AnyTool[];
  /** What the client can, where it has said so at the beginning of a connection that lasts. */
  declared?: object | undefined;
}>;

/** Answers `tools/call`: for as long as the caller stays, with progress where it is asked for, as a task where one is taken. */
export async function serveCall(
  deps: ApiDeps,
  { era, caller, requestId, signal }: McpCaller,
  { params, ctx, tools, declared }: Call,
): Promise<CallToolResult | InputRequiredResult> {
  using link = linkSignals(ctx.mcpReq.signal, signal);
  const asking = { caller, ...(requestId === undefined ? {} : { requestId }), signal: link.signal };
  const call = { deps, asking, tools, takesTasks: era === "modern" && takesTasks(ctx) };
  const { _meta, envelope, inputResponses: responses } = ctx.mcpReq;
  const able = canElicit(envelope, declared);
  const run = (follow: ToolCall["follow"]) => {
    const answer = () => callTool(params, { ...call, follow });
    return able ? withUser({ ...params, responses }, call, answer) : answer();
  };
  const token = _meta?.progressToken;
  if (token === undefined) return await run(() => undefined);
  const notify: Notify = (told) =>
    ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, ...told } });
  return await withProgress(deps, { asking, notify }, run);
}
