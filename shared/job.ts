import { z } from "zod";
import { Check } from "./check.ts";
import { errorCodes } from "./error.ts";
import { Answer, Question } from "./question.ts";

const codes = Object.keys(errorCodes) as [keyof typeof errorCodes, ...(keyof typeof errorCodes)[]];

export const ErrorCodeName = z.enum(codes);
export const JobId = z.uuid({ version: "v4" }).brand<"JobId">();
export type JobId = z.infer<typeof JobId>;
/** RFC 3339, UTC, milliseconds. */
export const Timestamp = z.iso.datetime();
export const PoolName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must match ^[a-z0-9][a-z0-9-]{0,31}$");
export const ProfileName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    "letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit",
  );

export const maxTaskCharacters = 100_000;
export const maxMetadataBytes = 16 * 1024;

/** Bytes in UTF-8, of which a UTF-16 code unit takes three at most (RFC 3629, 3). */
const hasAtMost = (text: string, bytes: number): boolean =>
  text.length * 3 <= bytes || new TextEncoder().encode(text).length <= bytes;

const Metadata = z
  .record(z.string().min(1).max(256), z.string())
  .refine((data) => hasAtMost(JSON.stringify(data), maxMetadataBytes), "at most 16 KiB of strings");

/** What a caller may ask for (contract 1 and 2); unknown fields are refused. */
export const JobRequest = z.strictObject({
  task: z
    .string()
    .max(maxTaskCharacters, `at most ${maxTaskCharacters} characters`)
    .refine((task) => /\S/.test(task), "must not be empty")
    .describe("What Claude is asked to do."),
  repo_url: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe("https://host/path, ssh://[user@]host/path, user@host:path or an absolute local folder."),
  base_ref: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("Branch, tag or commit to start from; default: the remote's."),
  profile: ProfileName.optional().describe("How Claude is run; see GET /profiles."),
  worktree_id: z.uuid().optional().describe("A prepared worktree to work in."),
  session_id: z.uuid().optional().describe("A Claude session to continue, of an earlier job on the same repository."),
  pool: PoolName.default("default").describe("Runners that serve this pool may take the job."),
  priority: z.int().min(-10).max(10).default(0).describe("Higher goes first."),
  max_attempts: z.int().min(1).max(10).optional().describe("Starts that may be lost to a crash or a lost lease."),
  max_budget_usd: z.number().min(0.01).max(1000).optional().describe("Claude stops when it has cost so much."),
  timeout_seconds: z.int().min(1).max(86_400).optional().describe("Per attempt, from Claude's start."),
  metadata: Metadata.optional().describe("Your own strings, at most 16 KiB; kept with the job and not looked at."),
  notify_url: z.string().min(1).max(2048).optional().describe("Told of the job's end, waits and questions."),
});
export type JobRequest = z.infer<typeof JobRequest>;
export type JobRequestInput = z.input<typeof JobRequest>;

export const JobStatus = z.enum(["queued", "running", "succeeded", "failed", "cancelled", "expired"]);
export type JobStatus = z.infer<typeof JobStatus>;
export const terminalStatuses = ["succeeded", "failed", "cancelled", "expired"] as const satisfies readonly JobStatus[];
export type TerminalStatus = (typeof terminalStatuses)[number];
export const isTerminal = (status: JobStatus): status is TerminalStatus =>
  (terminalStatuses as readonly JobStatus[]).includes(status);

export const JobPhase = z.enum(["claimed", "cloning", "preparing", "running", "publishing", "finishing"]);
export type JobPhase = z.infer<typeof JobPhase>;

export const AttemptReason = z.enum(["crashed", "lease_lost", "drained", "waiting", "ended"]);
export type AttemptReason = z.infer<typeof AttemptReason>;
const Attempt = z.object({
  number: z.int(),
  pod_name: z.string(),
  started_at: Timestamp,
  ended_at: Timestamp,
  reason: AttemptReason,
});

/** What became of the notifications to `notify_url`, all of them together. */
export const NotifyState = z.object({
  attempts: z.int().describe("Requests that were made."),
  delivered: z.int(),
  delivered_at: Timestamp.optional().describe("The last one."),
  last_error: z.string().optional().describe("Why the last request failed; absent once one was taken again."),
  given_up: z.int().optional().describe("Not delivered within 24 h."),
  stopped: z.literal(true).optional().describe("The receiver answered 410: nothing more is sent."),
});
export type NotifyState = Readonly<z.infer<typeof NotifyState>>;

/** Tokens, summed over models; the names are those of the Messages API. */
export const Usage = z.object({
  input_tokens: z.number(),
  output_tokens: z.number(),
  cache_read_input_tokens: z.number(),
  cache_creation_input_tokens: z.number(),
});
export type Usage = z.infer<typeof Usage>;

export const Trouble = z.object({ code: ErrorCodeName, sentence: z.string(), remedy: z.string() });
export type Trouble = z.infer<typeof Trouble>;

/** Claude's last `result` event in short. */
export const ClaudeResult = z.object({
  subtype: z.string(),
  is_error: z.boolean(),
  num_turns: z.number(),
  duration_ms: z.number(),
  usage: Usage,
  models: z.array(z.string()),
});
export type ClaudeResult = z.infer<typeof ClaudeResult>;

/** What a runner may change on a running job, under its lease. */
export const JobProgress = z.object({
  phase: JobPhase,
  base_ref: z.string(),
  session_id: z.uuid(),
  pid: z.int(),
  worktree_path: z.string(),
  job_config_dir: z.string(),
  branch: z.string(),
  exit_code: z.int(),
  output: z.string(),
  result: ClaudeResult,
  cost_usd: z.number(),
  num_turns: z.number(),
  usage: Usage,
  warnings: z.array(z.string()),
  error: z.string(),
  error_code: ErrorCodeName,
  remedy: z.string(),
  pr_url: z.string(),
  pr_error: Trouble,
  commit: z.string(),
  checks: z.array(Check).describe("What Claude ran to check its work, the last result of each."),
  diff: z.object({ files: z.int(), insertions: z.int(), deletions: z.int() }),
  questions: z.array(Question).describe("Open ones: Claude waits for an answer."),
});
export type JobPatch = Readonly<Partial<z.infer<typeof JobProgress>>>;

/** A job as every surface shows it (contract 1). Absent values are left out. */
export const Job = z
  .object({
    id: JobId,
    kind: z.enum(["task", "prepare", "cleanup"]),
    task: z.string(),
    repo_url: z.string().optional(),
    profile: z.string(),
    worktree_id: z.string().optional(),
    cleanup: z
      .object({ worktree_ids: z.array(z.string()), force: z.boolean() })
      .optional()
      .describe("What a job of kind `cleanup` removes."),
    pool: z.string(),
    priority: z.int(),
    max_attempts: z.int(),
    max_budget_usd: z.number().optional(),
    timeout_seconds: z.int().optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    notify_url: z.string().optional(),
    notify: NotifyState.optional(),
    routed_by: z.enum(["request", "rule", "default", "ai"]),
    route_reason: z.string().optional(),
    status: JobStatus,
    mode: z.enum(["fire_and_forget", "sync"]),
    attempt: z.int(),
    attempts: z.array(Attempt),
    pod_name: z.string().optional(),
    waiting: z.object({ reason: z.string(), until: Timestamp }).optional(),
    cancel_requested_at: Timestamp.optional(),
    publish_only: z
      .literal(true)
      .optional()
      .describe("Queued last for commit, push and pull request: Claude is not run."),
    durability: z.literal("spooled").optional(),
    queue_position: z.int().optional(),
    created_at: Timestamp,
    started_at: Timestamp.optional(),
    ended_at: Timestamp.optional(),
    ttl_seconds: z.int(),
    source: z.literal("file").optional(),
    as_of: Timestamp.optional(),
    stale: z.boolean().optional(),
    ...JobProgress.partial().shape,
  })
  .meta({ id: "Job" });
export type Job = Readonly<z.infer<typeof Job>>;

/** Claude ended well: what is left to do for this job needs no Claude. */
export const isWorkDone = ({ result, exit_code }: Job): boolean =>
  result?.subtype === "success" && !result.is_error && exit_code === 0;

/** A row of a list: the job without what can be long. */
export const JobSummary = Job.omit({ output: true, result: true }).meta({ id: "JobSummary" });
export type JobSummary = Readonly<z.infer<typeof JobSummary>>;

export const MessageMode = z.enum(["queue", "interrupt"]);
/** A follow-up for the running session; `id` is the uuid that Claude echoes when it takes it up. */
export const Message = z.object({
  id: z.uuid(),
  text: z.string(),
  mode: MessageMode,
  at: Timestamp,
  /** This is no word to Claude but the answer to its question of the same id; `text` is why, where it is denied. */
  answer: Answer.optional(),
});
export type Message = Readonly<z.infer<typeof Message>>;
export type AnswerMessage = Message & Readonly<{ answer: Answer }>;

export const MessageRequest = z
  .strictObject({
    text: z
      .string()
      .max(maxTaskCharacters, `at most ${maxTaskCharacters} characters`)
      .refine((text) => text.trim() !== "", "must not be empty"),
    mode: MessageMode.default("queue"),
  })
  .meta({ id: "MessageRequest" });
export type MessageRequest = z.infer<typeof MessageRequest>;
