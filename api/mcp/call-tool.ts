import { type CallToolResult, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { type AppError, toAppError } from "../../shared/error.ts";
import { invalidRequest, toProblem } from "../../shared/problem.ts";
import { auditRefusal } from "../audit.ts";
import { taskResult } from "./tasks.ts";
import type { AnyTool, ToolCall } from "./tool.ts";
import { toolResult } from "./views.ts";

type Named = Readonly<{ name: string; arguments?: Record<string, unknown> | undefined }>;
type Offered = ToolCall & Readonly<{ tools: readonly AnyTool[] }>;
/** A body with a thousand wrong fields is told of so many of them. */
const maxErrors = 100;

/**
 * Calls one of these tools. A failure that a model can mend is a result with `isError` and the problem (RFC 9457) as its
 * content, as MCP wants it for all errors of a tool's own; what is not ours stays in the log.
 * @throws ProtocolError -32602 for a tool that is not there.
 */
export async function callTool({ name, arguments: given = {} }: Named, call: Offered): Promise<CallToolResult> {
  const tool = call.tools.find((candidate) => candidate.name === name);
  if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool named ${name.slice(0, 100)}.`);
  try {
    const args = tool.input().safeParse(given);
    if (!args.success) throw invalidRequest(args.error, `The call of ${name}`);
    const answer = await tool.call(args.data, call);
    return call.takesTasks && tool.startsJob && answer.job ? taskResult(answer.job) : toolResult(answer);
  } catch (thrown) {
    const error = toAppError(thrown);
    const { requestId: request_id = "", caller } = call.asking;
    auditRefusal(call.deps.log, error, { request_id, method: "tools/call", path: name, caller });
    if (error.code === "internal")
      call.deps.log.error("tool call failed", { tool: name, by: call.asking.caller.name, error: error.cause ?? error });
    return { ...toolResult(problemOf(error)), isError: true };
  }
}

function problemOf(error: AppError): object {
  const { errors, ...problem } = toProblem(error);
  return { ...problem, ...(errors ? { errors: errors.slice(0, maxErrors) } : {}) };
}
