import type { CallToolRequest, CallToolResult, ServerContext } from "@modelcontextprotocol/server";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { callTool } from "./call-tool.ts";
import { type Notify, withProgress } from "./progress.ts";
import { takesTasks } from "./tasks.ts";
import type { AnyTool } from "./tool.ts";

/** Who is served, and a signal that aborts when they are gone. */
export type McpCaller = Pick<Asking, "caller" | "requestId" | "signal"> &
  Readonly<{
    /** The revision 2026-07-28, or those of 2025. */
    era: "modern" | "legacy";
    /** Changes of resources can be listened to. */
    subscribe?: boolean;
  }>;
type Call = Readonly<{ params: CallToolRequest["params"]; ctx: ServerContext; tools: readonly AnyTool[] }>;

/** Answers `tools/call`: for as long as the caller stays, with progress where it is asked for, as a task where one is taken. */
export async function serveCall(
  deps: ApiDeps,
  { era, caller, requestId, signal }: McpCaller,
  { params, ctx, tools }: Call,
): Promise<CallToolResult> {
  using link = linkSignals(ctx.mcpReq.signal, signal);
  const asking = { caller, ...(requestId === undefined ? {} : { requestId }), signal: link.signal };
  const call = { deps, asking, tools, takesTasks: era === "modern" && takesTasks(ctx) };
  const token = ctx.mcpReq._meta?.progressToken;
  if (token === undefined) return await callTool(params, { ...call, follow: () => undefined });
  const notify: Notify = (told) =>
    ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, ...told } });
  return await withProgress(deps, { asking, notify }, (follow) => callTool(params, { ...call, follow }));
}
