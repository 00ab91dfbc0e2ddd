import {
  CLIENT_CAPABILITIES_META_KEY,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { AppError } from "../../shared/error.ts";
import { isTerminal, type Job } from "../../shared/job.ts";
import type { ApiDeps } from "../deps.ts";
import { type Asking, cancelJob, checkSteering, findJob, getJob } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { canElicit, formsFor, take } from "./elicit.ts";
import { told } from "./told.ts";
import { jobAnswer, toolResult } from "./views.ts";

/**
 * The tasks extension of 2026-07-28 (SEP-2663): a call whose job goes on is answered with a task, and the client asks for
 * it until it has ended. The task's id is the job's, and all that is told of it is read from the job: every instance can
 * answer, and any job of the caller's can be asked for, however it was submitted.
 */
const extension = "io.modelcontextprotocol/tasks";
/** What a server says that has it, and a client that can take a task for an answer. */
export const tasksCapability = { [extension]: {} };

/** Jobs take minutes to hours. */
const pollIntervalMs = 5_000;
const Declaring = z.object({
  [CLIENT_CAPABILITIES_META_KEY]: z.object({ extensions: z.object({ [extension]: z.object({}) }) }),
});
const TaskParams = z.object({ taskId: z.string() });

/** Said anew with each request, as all that is known of a client of this revision. */
export const takesTasks = ({ mcpReq }: ServerContext): boolean => Declaring.safeParse(mcpReq.envelope).success;

/**
 * The answer to a call that has started this job. The SDK wants a `content` wherever a tool answers.
 * The job is stored by then: whoever asks for the task at once finds it.
 */
export const taskResult = (job: Job) => ({ resultType: "task", content: [], ...taskOf(job) });

/** How a job looks as a task. `failed` is for errors of the protocol alone: a job that failed has a result that says so. */
function taskOf(job: Job) {
  const { id, status, created_at, ended_at, ttl_seconds } = job;
  return {
    taskId: id,
    status: !isTerminal(status) ? "working" : status === "cancelled" ? "cancelled" : "completed",
    statusMessage: inWords(job),
    createdAt: created_at,
    lastUpdatedAt: lastChange(job),
    // What is live is kept as long as it lives.
    ttlMs: ended_at === undefined ? null : Date.parse(ended_at) - Date.parse(created_at) + ttl_seconds * 1000,
    pollIntervalMs,
  };
}

/** With what Claude asks, where the client can ask its user; at the end with what the call would have answered, had it waited. */
function inFull(job: Job, { canAsk }: Readonly<{ canAsk: boolean }>) {
  const { status } = job;
  const inputRequests = canAsk && !isTerminal(status) ? formsFor(job) : undefined;
  if (inputRequests) return { ...taskOf(job), status: "input_required", inputRequests };
  if (!isTerminal(status) || status === "cancelled") return taskOf(job);
  const isError = status !== "succeeded";
  return { ...taskOf(job), result: { ...toolResult(jobAnswer(job)), ...(isError ? { isError } : {}) } };
}

function inWords({ status, phase, waiting, questions = [], error, pr_url, cancel_requested_at }: Job): string {
  if (isTerminal(status)) return error ?? pr_url ?? status;
  if (cancel_requested_at !== undefined) return "being cancelled";
  if (waiting) return `waiting until ${waiting.until}: ${waiting.reason}`;
  if (questions.length > 0) return "waits for an answer: see `questions` of the job";
  return status === "running" ? (phase ?? status) : status;
}

/** The newest time that the job has of itself; they are all of one form. */
function lastChange({ created_at, started_at, ended_at, cancel_requested_at, attempts }: Job): string {
  const ofAttempts = attempts.flatMap(({ started_at, ended_at }) => [started_at, ended_at]);
  const times = [created_at, started_at, ended_at, cancel_requested_at, ...ofAttempts];
  return times.reduce<string>((last, time) => (time !== undefined && time > last ? time : last), created_at);
}

/** Serves `tasks/get`, `tasks/update` and `tasks/cancel`. The extension has no list, and no call that waits. */
export function serveTasks(server: Server, deps: ApiDeps, caller: Asking): void {
  type Asked = Readonly<{ id: string; asking: Asking; ctx: ServerContext }>;
  const serve = (method: string, answer: (asked: Asked) => Promise<Result>) =>
    server.setRequestHandler(method, { params: TaskParams }, async ({ taskId: id }, ctx) => {
      if (!takesTasks(ctx))
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: tasksCapability } });
      using link = linkSignals(ctx.mcpReq.signal, caller.signal);
      const asking = { ...caller, signal: link.signal };
      return await told(deps, { asking, method, path: id }, () => answer({ id, asking, ctx }).catch(unknownTask));
    });
  serve("tasks/get", async ({ id, asking, ctx }) =>
    inFull(await getJob(deps, id, asking), { canAsk: canElicit(ctx.mcpReq.envelope, undefined) }),
  );
  serve("tasks/update", async ({ id, asking, ctx }) => {
    await checkSteering(deps, id, asking);
    await findJob(deps, id, asking);
    for (const [question, response] of Object.entries(ctx.mcpReq.inputResponses ?? {}))
      await take({ id, question, response }, { deps, asking });
    return {};
  });
  serve("tasks/cancel", async ({ id, asking }) => {
    await cancelJob(deps, id, asking);
    return {};
  });
}

function unknownTask(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== "not_found") throw error;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, error.message);
}
