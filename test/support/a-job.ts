import { randomUUID } from "node:crypto";
import type { ApiKeyRecord } from "../../shared/api-key.ts";
import { type AnswerMessage, type Job, JobId, type Message } from "../../shared/job.ts";
import type { Question } from "../../shared/question.ts";
import type { ClaimRequest, NewJob, RunnerRecord } from "../../shared/store.ts";

export const aJobId = (): JobId => JobId.parse(randomUUID());

/** A queued job; a test names only what its claim is about. */
export const aJob = (facts: Partial<Job> = {}): Job => ({
  id: aJobId(),
  kind: "task",
  task: "Add a test",
  profile: "code",
  pool: "default",
  priority: 0,
  max_attempts: 3,
  routed_by: "request",
  status: "queued",
  mode: "fire_and_forget",
  attempt: 0,
  attempts: [],
  created_at: "2026-03-01T12:00:00.000Z",
  ttl_seconds: 3_600,
  ...facts,
});

/** `job` facts go into the job, the others around it. */
export const aNewJob = ({ job, ...facts }: Omit<Partial<NewJob>, "job"> & { job?: Partial<Job> } = {}): NewJob => ({
  job: aJob(job),
  tenant: "local",
  queueTtlSeconds: 86_400,
  ...facts,
});

export const aClaim = (facts: Partial<ClaimRequest> = {}): ClaimRequest => ({
  claimId: randomUUID(),
  runner: "box-1/a1",
  pod_name: "box-1",
  pools: ["default"],
  leaseMs: 360_000,
  ...facts,
});

export const aMessage = (facts: Partial<Message> = {}): Message => ({
  id: randomUUID(),
  text: "And the documentation, please",
  mode: "queue",
  at: "2026-03-01T12:00:01.000Z",
  ...facts,
});

export const aQuestion = (facts: Partial<Question> = {}): Question => ({
  question_id: randomUUID(),
  tool: "Bash",
  input: '{"command":"rm -rf build"}',
  until: "2026-03-01T12:30:00.000Z",
  ...facts,
});

/** The answer to that question, by default that it may. */
export const anAnswer = (
  question: string,
  { text = "", ...facts }: Partial<AnswerMessage["answer"]> & { text?: string } = {},
): AnswerMessage => ({
  ...aMessage({ id: question, text }),
  answer: { id: randomUUID(), decision: "allow", by: "ada", ...facts },
});

export const aRunner = (facts: Partial<RunnerRecord> = {}): RunnerRecord => ({
  id: "box-1/a1",
  name: "box-1",
  version: "0.1.0",
  pools: ["default"],
  capacity: 3,
  running: [],
  draining: false,
  last_seen: "2026-03-01T12:00:00.000Z",
  disk: { free_bytes: 50e9, total_bytes: 100e9, low: false },
  sandbox: "none",
  profiles: [],
  ...facts,
});

/** A key of the API as a store keeps it. */
export const anApiKey = (facts: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
  id: "0123456789ab",
  digest: "d".repeat(64),
  name: "laptop",
  tenant: "team-a",
  scopes: ["submit", "read"],
  created_at: "2026-01-01T00:00:00.000Z",
  ...facts,
});
