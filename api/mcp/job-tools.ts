import { z } from "zod";
import { type Job, JobStatus, MessageRequest, ProfileName } from "../../shared/job.ts";
import { AnswerRequest } from "../../shared/question.ts";
import { defaultWaitSeconds, SubmitRequest } from "../../shared/reply.ts";
import { answerQuestion } from "../answers.ts";
import { awaitEvents } from "../await-events.ts";
import { cancelJob, getJob, listJobs, sendMessage, submitJob } from "../jobs.ts";
import { defineTool } from "./tool.ts";
import { cutText, JobOutput, JobsOutput, jobAnswer, WaitOutput } from "./views.ts";

/** Many clients give up after 60 s (the SDK's default): every call answers before that. */
const maxCallSeconds = 50;
/** What a model has to read of one call. */
const maxEvents = 50;
const maxEventText = 2_000;
const maxListedTask = 300;

const job_id = z.string().max(64);

const runTask = defineTool({
  name: "run_task",
  title: "Run a task",
  description:
    "Submit a coding task: Claude Code works on it in a fresh worktree of the repository, on a machine of its own, and leaves a commit, branch or pull request. Answers at once with the queued job; with wait, when it ends or after wait_seconds.",
  input: SubmitRequest.extend({
    wait_seconds: z.int().min(1).max(maxCallSeconds).optional().describe(`Default ${defaultWaitSeconds}.`),
    idempotency_key: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII characters")
      .optional()
      .describe("The same key and request give the same job."),
  }),
  output: JobOutput,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  startsJob: true,
  call: async ({ idempotency_key: idempotencyKey, ...request }, { deps, asking, follow, takesTasks }) => {
    const wait = request.wait && !takesTasks;
    const accepted = ({ id }: Job) => follow({ id });
    const more = { ...(wait ? { accepted } : {}), ...(idempotencyKey ? { idempotencyKey } : {}) };
    const { job } = await submitJob(deps, { ...request, wait }, { ...asking, ...more });
    return jobAnswer(job);
  },
});

const readJob = defineTool({
  name: "get_job",
  title: "Read a job",
  description: "All that is known of a job: status, output, cost, branch, commit, pull request, error with remedy.",
  input: z.strictObject({ job_id }),
  output: JobOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  call: (args, { deps, asking }) => getJob(deps, args.job_id, asking).then(jobAnswer),
});

const list = defineTool({
  name: "list_jobs",
  title: "List jobs",
  description: "Your jobs, newest first, without their output.",
  input: z.strictObject({
    status: JobStatus.optional(),
    repo_url: z.string().min(1).max(2048).optional(),
    profile: ProfileName.optional(),
    limit: z.int().min(1).max(100).default(20),
    cursor: z.string().min(1).max(512).optional().describe("next_cursor of the page before."),
  }),
  output: JobsOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  call: async (args, { deps, asking }) => {
    const { status, repo_url, profile, cursor, limit } = args;
    const query = {
      limit,
      ...(status === undefined ? {} : { status }),
      ...(repo_url === undefined ? {} : { repo_url }),
      ...(profile === undefined ? {} : { profile }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const { jobs, next } = await listJobs(deps, query, asking);
    return {
      success: true,
      count: jobs.length,
      jobs: jobs.map((job) => ({ ...job, task: cutText(job.task, maxListedTask) })),
      ...(next === undefined ? {} : { next_cursor: next }),
    };
  },
});

const cancel = defineTool({
  name: "cancel_job",
  title: "Cancel a job",
  description: "Cancel a queued job at once; stop a running one within seconds. An ended job is returned unchanged.",
  input: z.strictObject({ job_id }),
  output: JobOutput,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  call: async (args, { deps, asking }) => jobAnswer(await cancelJob(deps, args.job_id, asking)),
});

const wait = defineTool({
  name: "wait_for_job",
  title: "Wait for a job",
  description:
    "Wait for news of a job: answers with the job and its events behind `after` as soon as there is one, when the job ends, or after timeout_seconds. Call again with after = next until next is absent.",
  input: z.strictObject({
    job_id,
    after: z.string().min(1).max(256).optional().describe("`next` of the call before; default: the job's beginning."),
    timeout_seconds: z.int().min(0).max(maxCallSeconds).default(defaultWaitSeconds),
    until: z
      .enum(["event", "end"])
      .default("event")
      .describe("end: stay until the job ends or time is up; only the last events are told."),
  }),
  output: WaitOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  waits: true,
  call: async ({ job_id: id, after, timeout_seconds: seconds, until }, { deps, asking, follow }) => {
    const behind = after === undefined ? {} : { after };
    follow({ id, ...behind });
    const query = { id, seconds, until, limit: maxEvents, ...behind };
    const { job, events, next } = await awaitEvents(deps, query, asking);
    const short = events.map((event) => ({ ...event, data: shortened(event.data) }));
    return { ...jobAnswer(job), events: short, ...(next === undefined ? {} : { next }) };
  },
});

/** What a command printed is of little use to a model that waits. */
const shortened = (data: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, typeof value === "string" ? cutText(value, maxEventText) : value]),
  );

const message = defineTool({
  name: "send_message",
  title: "Message a job",
  description:
    "Say something to the Claude that works on a job: queue is taken up at its next step, interrupt stops its turn first.",
  input: MessageRequest.extend({ job_id }),
  output: JobOutput,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  call: async ({ job_id: id, ...rest }, { deps, asking }) =>
    jobAnswer(await sendMessage(deps, { ...rest, id }, asking)),
});

const answer = defineTool({
  name: "answer_question",
  title: "Answer a question",
  description: "Allow or deny what Claude asks for in the job's `questions`.",
  input: AnswerRequest.extend({ job_id }),
  output: JobOutput,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  call: async ({ job_id: id, ...rest }, { deps, asking }) =>
    jobAnswer(await answerQuestion(deps, { ...rest, id }, asking)),
});

export const jobTools = [runTask, wait, readJob, list, message, answer, cancel] as const;
