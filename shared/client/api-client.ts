import type { z } from "zod";
import type { JobEvent } from "../event.ts";
import type { FollowOptions } from "../follow.ts";
import type { Job, JobRequestInput, JobStatus, MessageRequest } from "../job.ts";
import type { ProfileSummary } from "../profile.ts";
import type { AnswerRequest } from "../question.ts";
import type { BudgetsReply, EventsReply, HealthReply, JobsReply, ReadyReply, RunnerView } from "../reply.ts";
import type { CleanupRequest, PrepareRequest, Worktree } from "../worktree.ts";

/** A call that is given up when `signal` aborts: it then throws the signal's reason. */
export type CallOptions = Readonly<{ signal?: AbortSignal }>;
export type SubmitOptions = CallOptions &
  Readonly<{
    /** The same key and request give the same job: with it a submission can be sent again. */
    idempotencyKey?: string;
    /** Stay until the job has ended, at most `waitSeconds` (45, at most 600). */
    wait?: boolean;
    waitSeconds?: number;
  }>;
export type JobsQuery = Readonly<{
  status?: JobStatus;
  repo_url?: string;
  profile?: string;
  /** 1 to 100; 20 by default. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}>;
export type Readiness = Readonly<{ status: "ready" | "not_ready"; parts: ReadyReply["parts"] }>;

/**
 * Our REST API, a method for each route; types are inferred from the schemas that the server checks with. One request per
 * call, but for `follow` and `waitForEnd`; what reads, and a submission with `idempotencyKey`, is asked again after a 429 or 503 that says
 * when, for at most 75 s in all. Each throws AppError with the code, sentence, remedy and wrong fields of the server's problem, NoServer
 * where none answers, and the signal's reason where it aborts.
 */
export interface ApiClient {
  /** Where the server is, as it was given. */
  readonly url: string;

  /** `POST /jobs`: queues a job. `replayed`: this key had already made it. With `wait` the job as it stands when the wait ends. */
  submit(request: JobRequestInput, options?: SubmitOptions): Promise<Readonly<{ job: Job; replayed: boolean }>>;
  /** `GET /jobs/{id}`: the job. With `wait` (seconds) when its status changes, at once for an ended one. */
  job(id: string, options?: CallOptions & Readonly<{ wait?: number }>): Promise<Job>;
  /** `GET /jobs`: a page of jobs, newest first, without their output; `next_cursor` where there are more. */
  jobs(filter?: JobsQuery, options?: CallOptions): Promise<JobsReply>;
  /** `POST /jobs/{id}/cancel`: a queued job ends at once, a running one within seconds; an ended one is unchanged. */
  cancel(id: string, options?: CallOptions): Promise<Job>;
  /** `POST /jobs/{id}/retry`: an ended job, queued again with its session, branch and cost so far. */
  retry(id: string, options?: CallOptions): Promise<Job>;
  /** `POST /jobs/{id}/publish`: an ended job, queued for commit, push and pull request alone. */
  publish(id: string, options?: CallOptions): Promise<Job>;
  /** `POST /jobs/{id}/messages`: says something to the running session; `interrupt` stops its turn first. */
  message(id: string, message: z.input<typeof MessageRequest>, options?: CallOptions): Promise<Job>;
  /** `POST /jobs/{id}/answers`: allows or denies what Claude asks for in the job's `questions`. */
  answer(id: string, answer: AnswerRequest, options?: CallOptions): Promise<Job>;
  /** `GET /jobs/{id}/events` as a page: at most 500 events behind `after`; `next` is absent at the end of an ended job. */
  events(id: string, options?: CallOptions & Readonly<{ after?: string }>): Promise<EventsReply>;
  /**
   * `GET /jobs/{id}/events` as a stream: the events as they happen, until the last one, over any number of lost
   * connections: none is left out or given twice. Ends quietly when the signal aborts.
   */
  follow(id: string, options?: FollowOptions): AsyncGenerator<JobEvent>;
  /** `GET /jobs/{id}`, again and again: the job once it has ended, however long that takes, over lost connections. */
  waitForEnd(id: string, options?: Omit<FollowOptions, "after" | "onStale">): Promise<Job>;

  /** `GET /profiles`: those of live runners and the bundled ones. */
  profiles(options?: CallOptions): Promise<readonly ProfileSummary[]>;
  /** `GET /profiles/{name}`: one of them. */
  profile(name: string, options?: CallOptions): Promise<ProfileSummary>;

  /** `POST /worktrees`: the job that prepares a worktree; its id is the worktree's. */
  prepareWorktree(request: z.input<typeof PrepareRequest>, options?: CallOptions): Promise<Job>;
  /** `GET /worktrees`: prepared worktrees, newest first. */
  worktrees(options?: CallOptions): Promise<readonly Worktree[]>;
  /** `GET /worktrees/{id}`: one of them. */
  worktree(id: string, options?: CallOptions): Promise<Worktree>;
  /** `DELETE /worktrees/{id}`: the job that removes it; with `force` also work that was not pushed, which is lost then. */
  removeWorktree(id: string, options?: CallOptions & Readonly<{ force?: boolean }>): Promise<Job>;
  /** `POST /worktrees/cleanup`: the jobs that remove worktrees, by id or by age. */
  cleanupWorktrees(request: z.input<typeof CleanupRequest>, options?: CallOptions): Promise<readonly Job[]>;

  /** `GET /budgets`: what is left of today's; with `repoUrl` also of that repository's. */
  budgets(repoUrl?: string, options?: CallOptions): Promise<BudgetsReply>;
  /** `GET /runners`: those seen in the last 90 s. */
  runners(options?: CallOptions): Promise<readonly RunnerView[]>;
  /** `POST /runners/{name}/drain`: lets them finish and take no more; how many live runners of that name there are. */
  drain(name: string, options?: CallOptions): Promise<number>;
  /** `GET /health`: whether the server runs, and its version. Needs no key. */
  health(options?: CallOptions): Promise<HealthReply>;
  /** `GET /ready`: whether the server can work. Does not throw where it cannot: `parts` says what is down. */
  ready(options?: CallOptions): Promise<Readiness>;
  /** `GET /metrics`: Prometheus text. */
  metrics(options?: CallOptions): Promise<string>;
}
