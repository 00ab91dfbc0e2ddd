import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { toAppError } from "../../shared/error.ts";
import { toProblem } from "../../shared/problem.ts";
import { auditRefusal } from "../audit.ts";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";

type Asked = Readonly<{ asking: Asking; method: string; path: string }>;

/**
 * What is not a tool has no other place for a problem than the JSON-RPC error: its sentence, and the problem as data.
 * @throws ProtocolError for whatever is thrown.
 */
export async function told<T>({ log }: ApiDeps, asked: Asked, answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (thrown) {
    if (thrown instanceof ProtocolError) throw thrown;
    const error = toAppError(thrown);
    const { asking, method, path } = asked;
    auditRefusal(log, error, { request_id: asking.requestId ?? "", method, path, caller: asking.caller });
    if (error.code === "internal") log.error("mcp request failed", { method, error: error.cause ?? error });
    const problem = toProblem(error);
    throw new ProtocolError(ProtocolErrorCode.InternalError, problem.detail, problem);
  }
}
