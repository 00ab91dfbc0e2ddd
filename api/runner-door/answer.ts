import type { Context } from "hono";
import { AppError, LeaseLost } from "../../shared/error.ts";
import { HttpError, invalidRequest } from "../../shared/problem.ts";
import { isRunnerCall, runnerCalls } from "../../shared/runner-door/calls.ts";
import { leaseHeader, protocolHeader, runnerProtocol } from "../../shared/runner-door/protocol.ts";
import { wrongMethod } from "../answer.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { acts } from "./acts.ts";
import { requireRunner } from "./reach.ts";
import { waitStream } from "./wait.ts";

/**
 * One call of a runner on the store. @throws MissingScope; HttpError 426 for another version of the protocol, 405;
 * AppError `not_found` for a method that runners have not, `conflict` for LeaseLost, else whatever the store throws.
 */
export async function answerRunner(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  c.header(protocolHeader, runnerProtocol);
  if (c.req.method !== "POST") throw wrongMethod(c.req.method, c.req.path, ["POST"]);
  const at = { deps, caller: c.get("asked").caller };
  requireRunner(at.caller);
  checkProtocol(c.req.header(protocolHeader));
  const method = c.req.param("method") ?? "";
  if (!isRunnerCall(method)) throw new AppError("not_found", `Runners have no method ${method.slice(0, 64)}.`);
  const body: unknown = JSON.parse(c.get("asked").text ?? "");
  if (method === "changed") {
    const [query] = parsed(runnerCalls.changed.args.safeParse(body));
    c.header("x-accel-buffering", "no"); // what a proxy buffers is no stream
    c.header("content-type", "text/event-stream; charset=utf-8");
    return c.body(waitStream(at, query));
  }
  const args = parsed<readonly unknown[]>(runnerCalls[method].args.safeParse(body));
  // The arguments were parsed by the row of the same method.
  const act = acts[method] as (...asked: readonly unknown[]) => Promise<unknown>;
  try {
    return c.body(JSON.stringify({ result: await act(at, ...args) }), 200, { "content-type": "application/json" });
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
    c.header(leaseHeader, "lost");
    throw new AppError("conflict", `The job ${error.job} is no longer leased to this runner.`, { cause: error });
  }
}

type Parsed<T> = Readonly<{ success: true; data: T } | { success: false; error: Parameters<typeof invalidRequest>[0] }>;

function parsed<T>(result: Parsed<T>): T {
  if (result.success) return result.data;
  throw invalidRequest(result.error, "The runner's call");
}

function checkProtocol(theirs: string | undefined): void {
  if (theirs === runnerProtocol) return;
  throw new HttpError(426, "conflict", {
    sentence:
      theirs === undefined
        ? `These calls are for runners, which tell their version in ${protocolHeader}.`
        : `This server speaks version ${runnerProtocol} of the runners' protocol, and the runner version ${theirs.slice(0, 20)}.`,
    remedy: "Use one version of Agenticore on both sides: the server first, then its runners (`agenticore update`).",
  });
}
