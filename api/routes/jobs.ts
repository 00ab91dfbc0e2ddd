import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { AppError } from "../../shared/error.ts";
import { isTerminal, type Job, JobStatus, MessageRequest, ProfileName } from "../../shared/job.ts";
import { AnswerRequest } from "../../shared/question.ts";
import { JobReply, JobsReply, maxWaitSeconds, SubmitRequest } from "../../shared/reply.ts";
import { answerJson } from "../answer-headers.ts";
import { answerQuestion } from "../answers.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { field } from "../field.ts";
import { cancelJob, getChangedJob, getJob, listJobs, retryJob, sendMessage, submitJob } from "../jobs.ts";
import { jobPath, json, noBody, problems, wholeParam } from "../openapi.ts";
import { publishJob } from "../publish.ts";
import { asking, askingMeanwhile } from "./asking.ts";

const once = { error: "must be given once" };
const tags = ["jobs"];
const request = { params: jobPath };
const oneJob = (description: string) => json(JobReply, description);

const keyForm = "1 to 255 printable ASCII characters.";
const submit = createRoute({
  method: "post",
  path: "/jobs",
  operationId: "submitJob",
  tags,
  summary: "Submit a task",
  description:
    "Queues the job and answers at once, or with `wait: true` when it ends, at most `wait_seconds` later. " +
    "Send an `Idempotency-Key` to be able to send the request again: the same key and body give the same job.",
  // Told here and checked by `idempotencyKeyOf`: to have one header looked at, Hono reads all of them.
  parameters: [
    {
      schema: { type: "string", description: keyForm },
      required: false,
      description: keyForm,
      name: "idempotency-key",
      in: "header",
    },
  ],
  request: { body: { content: { "application/json": { schema: SubmitRequest } }, required: true } },
  responses: {
    200: oneJob(
      "The finished job (`wait`), or the job that this idempotency key has made (`Idempotent-Replayed: true`).",
    ),
    202: { ...oneJob("The job is queued, or runs on after the wait."), headers: z.object({ location: z.string() }) },
    ...problems(400, 404, 409, 413, 415, 422, 429),
  },
});

const list = createRoute({
  method: "get",
  path: "/jobs",
  operationId: "listJobs",
  tags,
  summary: "List jobs, newest first",
  request: {
    query: z.strictObject({
      status: JobStatus.optional(),
      repo_url: z.string(once).min(1).max(2048).optional(),
      profile: ProfileName.optional(),
      limit: wholeParam(1, 100).optional().openapi({ default: 20 }),
      cursor: z.string(once).min(1).max(512).optional().openapi({ description: "`next_cursor` of the page before." }),
    }),
  },
  responses: { 200: json(JobsReply, "A page of jobs without their output."), ...problems(400) },
});

const get = createRoute({
  method: "get",
  path: "/jobs/{id}",
  operationId: "getJob",
  tags,
  summary: "Read a job",
  request: {
    ...request,
    query: z.strictObject({
      wait: wholeParam(0, maxWaitSeconds)
        .optional()
        .openapi({ description: "Seconds to wait for another status; a terminal job is answered at once." }),
    }),
  },
  responses: { 200: oneJob("The job."), ...problems(400, 404) },
});

const remove = createRoute({
  method: "delete",
  path: "/jobs/{id}",
  operationId: "deleteJob",
  tags,
  summary: "Cancel a job",
  description: "The same as `POST /jobs/{id}/cancel`.",
  request,
  responses: { 200: oneJob("The job; a terminal one is unchanged."), ...problems(404) },
});

const act = (verb: string) =>
  ({ method: "post", path: `/jobs/{id}/${verb}`, tags, request: { ...request, body: noBody } }) as const;

const cancel = createRoute({
  ...act("cancel"),
  operationId: "cancelJob",
  summary: "Cancel a job",
  description: "A queued job is cancelled at once, a running one is stopped by its runner within seconds.",
  responses: { 200: oneJob("The job; a terminal one is unchanged."), ...problems(400, 404, 413, 415) },
});

const retry = createRoute({
  ...act("retry"),
  operationId: "retryJob",
  summary: "Queue a terminal job again",
  description: "The same job, with the same session and worktree where they still are.",
  responses: { 200: oneJob("The job, queued."), ...problems(400, 404, 409, 413, 415, 429) },
});

const publish = createRoute({
  ...act("publish"),
  operationId: "publishJob",
  summary: "Publish an ended job's work again",
  description:
    "For a job whose push or pull request failed: commit, push and pull request are tried again, and Claude is not run. " +
    "A job that is live, or has nothing to publish, is a conflict.",
  responses: { 200: oneJob("The job, queued for publication."), ...problems(400, 404, 409, 413, 415) },
});

const message = createRoute({
  ...act("messages"),
  operationId: "sendMessage",
  summary: "Say something to the running session",
  description:
    "`queue` is taken up at the next tool boundary, `interrupt` stops the turn first. For a queued job it is kept until Claude runs.",
  request: { ...request, body: { content: { "application/json": { schema: MessageRequest } }, required: true } },
  responses: { 202: oneJob("The message is stored."), ...problems(400, 404, 409, 413, 415) },
});

const answer = createRoute({
  ...act("answers"),
  operationId: "answerQuestion",
  summary: "Answer a question of Claude's",
  description:
    "With a profile that has `approvals: ask`, Claude asks before it does what its permissions do not allow: event `question.asked`, and `questions` of the job. The first answer counts.",
  request: { ...request, body: { content: { "application/json": { schema: AnswerRequest } }, required: true } },
  responses: { 202: oneJob("The answer is stored."), ...problems(400, 404, 409, 413, 415) },
});

/** Jobs as REST: each route translates and calls one verb. */
export function jobRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  const reply = (job: Job) => ({ success: true as const, job });
  const told = <S extends 200 | 202>(c: Context<ApiEnv>, job: Job, status: S) => answerJson(c, reply(job), { status });
  app.openapi(submit, async (c) => {
    const request = c.req.valid("json");
    const who = { ...(request.wait ? askingMeanwhile(c) : asking(c)), ...idempotencyKeyOf(c) };
    const { job, replayed } = await submitJob(deps, request, who);
    const finished = request.wait && isTerminal(job.status);
    const location = `/jobs/${job.id}`;
    return answerJson(c, reply(job), {
      status: replayed || finished ? 200 : 202,
      headers: replayed ? { location, "idempotent-replayed": "true" } : { location },
    });
  });
  app.openapi(list, async (c) => {
    const { limit = 20, ...filter } = c.req.valid("query");
    const { jobs, next } = await listJobs(deps, { limit, ...withoutAbsent(filter) }, asking(c));
    const page = { success: true as const, count: jobs.length, jobs: [...jobs] };
    return answerJson(c, next === undefined ? page : { ...page, next_cursor: next }, { status: 200 });
  });
  app.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    const { wait } = c.req.valid("query");
    const job = wait
      ? await getChangedJob(deps, { id, seconds: wait }, askingMeanwhile(c))
      : await getJob(deps, id, asking(c));
    return told(c, job, 200);
  });
  app.openapi(remove, async (c) => told(c, await cancelJob(deps, c.req.valid("param").id, asking(c)), 200));
  app.openapi(cancel, async (c) => told(c, await cancelJob(deps, c.req.valid("param").id, asking(c)), 200));
  app.openapi(retry, async (c) => told(c, await retryJob(deps, c.req.valid("param").id, asking(c)), 200));
  app.openapi(publish, async (c) => told(c, await publishJob(deps, c.req.valid("param").id, asking(c)), 200));
  app.openapi(message, async (c) => {
    const job = await sendMessage(deps, { ...c.req.valid("json"), id: c.req.valid("param").id }, asking(c));
    return told(c, job, 202);
  });
  app.openapi(answer, async (c) => {
    const job = await answerQuestion(deps, { ...c.req.valid("json"), id: c.req.valid("param").id }, asking(c));
    return told(c, job, 202);
  });
}

/** Limits of its own, so that the wrong header is named. */
function idempotencyKeyOf(c: Context<ApiEnv>): { idempotencyKey?: string } {
  const key = field(c, "idempotency-key");
  if (key === undefined) return {};
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return { idempotencyKey: key };
  throw new AppError("invalid_request", "The Idempotency-Key must be 1 to 255 printable ASCII characters.", {
    errors: [{ path: "Idempotency-Key", message: "must be 1 to 255 printable ASCII characters" }],
  });
}

/** Keys that are there, as the store's exact optional fields want them. */
const withoutAbsent = <T extends Record<string, unknown>>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
