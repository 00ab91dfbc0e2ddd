import { isTerminal, type Job } from "../../../shared/job.ts";
import { parseRepoUrl } from "../../../shared/repo-url.ts";
import { attemptSpan, rootSpan, spanIdOf } from "../trace-id.ts";
import type { Observation, TraceFacts } from "./observation.ts";

/** What is told at a claim, so that the trace is there while the job runs. */
export function claimObservations(job: Job, atMs: number): Observation[] {
  const claimed: Observation = {
    ...{ job: job.id, id: spanIdOf(job.id, `claim ${job.attempt}`), parent: attemptSpan(job.id, job.attempt) },
    ...{ kind: "event", name: "claimed", startMs: atMs, endMs: atMs, trace: traceOf(job) },
    metadata: { attempt: job.attempt, pod_name: job.pod_name },
  };
  return [...lostBefore(job), claimed];
}

/** A runner that died, or was too late, could not tell how its attempt ended. */
const lostBefore = (job: Job): Observation[] =>
  ["crashed", "lease_lost"].includes(job.attempts.at(-1)?.reason ?? "") ? attemptObservation(job) : [];

/** What is told when an attempt is over: how it went, and of the job too once that has ended. */
export const endObservations = (job: Job): Observation[] => [...attemptObservation(job), ...jobObservation(job)];

function attemptObservation(job: Job): Observation[] {
  const last = job.attempts.at(-1);
  if (!last) return [];
  const { number, pod_name, reason, started_at, ended_at } = last;
  const isOver = reason === "ended" && isTerminal(job.status);
  const trouble = isOver ? troubleOf(job) : reasonTrouble[reason];
  return [
    {
      ...{ job: job.id, id: attemptSpan(job.id, number), parent: rootSpan(job.id), kind: "span" },
      ...{ name: `attempt ${number}`, startMs: Date.parse(started_at), endMs: Date.parse(ended_at) },
      ...{ metadata: { pod_name, reason, waiting: job.waiting }, trace: traceOf(job) },
      ...(isOver ? { output: outcomeOf(job) } : {}),
      ...(trouble ? { trouble } : {}),
    },
  ];
}

const reasonTrouble: Readonly<Record<string, Observation["trouble"]>> = {
  crashed: { level: "ERROR", message: "The runner or its machine died." },
  lease_lost: { level: "ERROR", message: "The runner lost its lease." },
  drained: { level: "WARNING", message: "The runner was told to stop." },
};

function jobObservation(job: Job): Observation[] {
  if (!isTerminal(job.status)) return [];
  const trouble = troubleOf(job);
  return [
    {
      ...{ job: job.id, id: rootSpan(job.id), kind: "span", name: "agenticore-job" },
      startMs: Date.parse(job.started_at ?? job.created_at),
      endMs: Date.parse(job.ended_at ?? job.created_at),
      ...{ input: inputOf(job), output: outcomeOf(job), trace: traceOf(job) },
      metadata: { attempts: job.attempts.length, num_turns: job.num_turns, models: job.result?.models },
      ...(trouble ? { trouble } : {}),
    },
  ];
}

const troubleOf = ({ status, error_code, error }: Job): Observation["trouble"] =>
  status === "succeeded"
    ? undefined
    : { level: status === "failed" ? "ERROR" : "WARNING", message: error ?? error_code ?? status };

const repository = ({ repo_url }: Job): string | undefined =>
  repo_url === undefined ? undefined : parseRepoUrl(repo_url).canonical;

const inputOf = (job: Job) => ({
  task: job.task,
  repository: repository(job),
  base_ref: job.base_ref,
  profile: job.profile,
});

const outcomeOf = ({ status, exit_code, output, pr_url, branch, commit, diff, ...job }: Job) => ({
  ...{ status, exit_code, output, pr_url, branch, commit, diff },
  ...{ cost_usd: job.cost_usd, usage: job.usage, error_code: job.error_code, error: job.error, pr_error: job.pr_error },
});

const traceOf = (job: Job): TraceFacts => ({
  input: inputOf(job),
  ...(isTerminal(job.status) ? { output: outcomeOf(job) } : {}),
  ...(job.session_id === undefined ? {} : { session: job.session_id }),
  tags: [`profile:${job.profile}`, `pool:${job.pool}`],
  metadata: { job_id: job.id, repository: repository(job), status: job.status, cost_usd: job.cost_usd },
});
