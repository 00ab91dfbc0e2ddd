import type { BudgetOrder, BudgetState } from "./budget.ts";
import type { ChangeQuery } from "./change-query.ts";
import type { JobEvent, NewEvent } from "./event.ts";
import type { Histogram } from "./histogram.ts";
import type { AttemptReason, Job, JobId, JobPatch, JobStatus, JobSummary, Message, TerminalStatus } from "./job.ts";
import type { KeyStore } from "./key-store.ts";
import type { NoticeStore } from "./notice-store.ts";
import type { ProfileSummary } from "./profile.ts";
import type { QuestionStore } from "./question-store.ts";
import type { RelayStore } from "./relay-store.ts";
import type { WorktreeRecord } from "./worktree.ts";

/** The right to run one attempt: every write of a runner carries it, so that a runner without one cannot spell the call. */
export type Lease = Readonly<{ job: JobId; runner: string; fence: number }>;

/** A job before it is queued: the request after defaults and routing. */
export type NewJob = Readonly<{
  job: Job;
  /** Owner: the API key's tenant; `local` without keys. */
  tenant: string;
  /** The repository's canonical key, for limits and sessions; absent without a repository. */
  repoKey?: string;
  /** `body` is a digest of the parsed request after defaults: the same key with another body is a conflict. */
  idempotency?: Readonly<{ key: string; body: string }>;
  queueTtlSeconds: number;
  /** Where it waits when that is not its pool: see `boxQueue`. */
  queue?: string;
  /** What it may cost, taken out of these budgets until it ends; then what it has cost. */
  budgets?: readonly BudgetOrder[];
}>;
export type Submitted = Readonly<{ job: Job; replayed: boolean }>;

export type JobQuery = Readonly<{
  tenant?: string;
  status?: JobStatus;
  repo_url?: string;
  profile?: string;
  limit: number;
  cursor?: string;
}>;
export type JobPage = Readonly<{ jobs: readonly JobSummary[]; next?: string }>;

export type ClaimRequest = Readonly<{
  /** Made by the runner, so that a lost reply can be asked for again. */
  claimId: string;
  runner: string;
  pod_name: string;
  pools: readonly string[];
  leaseMs: number;
  /** Canonical keys of repositories that this runner has warm: among equals their jobs come first, see `claim`. */
  warm?: readonly string[];
}>;
export type Claim = Readonly<{
  job: Job;
  lease: Lease;
  tenant: string;
  /** True when an earlier attempt of this job was started: session, tree and spent budget go on. */
  continues: boolean;
  /** Messages that Claude has not acknowledged yet. */
  messages: readonly Message[];
}>;

/** Events that a runner tells of its attempt. */
type Told = Readonly<{
  events?: readonly NewEvent[];
  /** How many it told of before the first of these, in this attempt: what the store has already, it does not append again. Without it all are appended. */
  firstEvent?: number;
}>;

export type RenewRequest = Told &
  Readonly<{
    leaseMs: number;
    patch?: JobPatch;
    /** Ids of messages that Claude echoed. */
    delivered?: readonly string[];
  }>;
export type Renewal = Readonly<{
  cancel?: Readonly<{ by: string; at: string }>;
  /** All that Claude has not acknowledged yet, so that a lost reply loses none: the runner knows which it has given. */
  messages: readonly Message[];
}>;

export type Ending = Told & Readonly<{ status: Exclude<TerminalStatus, "expired">; patch: JobPatch }>;
export type Release = Told &
  Readonly<{
    reason: Exclude<AttemptReason, "ended">;
    /** Milliseconds until it may be claimed again. */
    delayMs?: number;
    waiting?: Readonly<{ reason: string; until: string }>;
    patch?: JobPatch;
  }>;

export type EventPage = Readonly<{
  events: readonly JobEvent[];
  /** The cursor behind the last event of this page; absent at the end of a terminal job. */
  next?: string;
}>;

/** What a runner says of itself; readers treat one silent for 90 s as gone. */
export type RunnerRecord = Readonly<{
  id: string;
  name: string;
  version: string;
  pools: readonly string[];
  capacity: number;
  running: readonly JobId[];
  draining: boolean;
  last_seen: string;
  disk: Readonly<{ free_bytes: number; total_bytes: number; low: boolean }>;
  sandbox: string;
  profiles: readonly ProfileSummary[];
  /** Absent from a runner of an earlier version. */
  totals?: RunnerTotals;
}>;

/** What a runner has done since it started; all of it only grows. Seconds, US dollars. */
export type RunnerTotals = Readonly<{
  claims: number;
  /** Attempts that are over, by how: a terminal status, or the reason for which the job was given back. */
  attempts: Readonly<Record<string, number>>;
  cost_usd: number;
  /** From submission to the first start. */
  queue_seconds: Histogram;
  /** From claim to end, of each attempt. */
  run_seconds: Histogram;
}>;

export type SessionRecord = Readonly<{ id: string; tenant: string; repoKey?: string; job: JobId; runner: string }>;

/** A conversation as the runner that had it keeps it for others: what is in `data`, runners alone know. */
export type TranscriptRecord = Readonly<{
  session: string;
  /** Another one with each copy, so that a box knows whether what it has itself is the newest. */
  version: string;
  /** Of the conversation as it is, without packing. */
  bytes: number;
  /** The box that it comes from. */
  box: string;
  /** Absent where it is on that box alone. */
  data?: string;
}>;

export type WorktreeQuery = Readonly<{ tenant?: string; box?: string; limit?: number }>;
/** Jobs that may run at once; without a number there is no limit. All processes of one store are given the same. */
export type StoreLimits = Readonly<{ repoLimit?: number; poolLimits?: Readonly<Record<string, number>> }>;

/** A lock that ends by itself: `owner` is random, so that nobody takes another's for its own. */
export type StoreLock = Readonly<{ name: string; owner: string; ttlMs: number }>;

export type StoreCounts = Readonly<{
  byStatus: Readonly<Partial<Record<JobStatus, number>>>;
  pools: readonly Readonly<{ pool: string; queued: number; oldestAgeSeconds: number }>[];
}>;

/**
 * Where the state of all jobs lives. Each method is one atomic step: two runners never see half of it.
 * Methods with a Lease throw LeaseLost when another runner holds the job or it has ended, and then change nothing; all throw AppError `store_unavailable` when the store cannot answer.
 */
export interface JobStore extends KeyStore, NoticeStore, QuestionStore, RelayStore, AsyncDisposable {
  /** Queues the job, or gives back the one that the same idempotency key (or the same id) made. @throws AppError `invalid_request` where the key came with another body, BudgetUsedUp where one of its budgets has no room, `conflict` where its job was removed already; of a job with a worktree `worktree_in_use`, `not_found`, `conflict`. */
  submit(job: NewJob): Promise<Submitted>;
  /** The job with its queue position, or undefined; with `tenant`, only that tenant's. */
  get(id: JobId, tenant?: string): Promise<Job | undefined>;
  /** Newest first. @throws AppError `invalid_request` for a cursor that this store did not issue. */
  list(query: JobQuery): Promise<JobPage>;
  /**
   * The best runnable job (priority, then age) of the runner's pools, leased: fence + 1, attempt + 1, event `job.claimed`.
   * A job whose session a running job uses waits, as does one whose repository or pool is at its limit; none holds up others.
   * A job of a warm repository goes before the best one where both have the same priority, it is among the first eight, and
   * the best one has not waited for 10 s yet.
   * The same `claimId` gives the same answer again, with the lease extended. Before that it does what `sweep` does, in bounds.
   */
  claim(request: ClaimRequest): Promise<Claim | undefined>;
  /**
   * Extends the lease (also one that ran out and that nobody took over), appends the events, merges the patch, takes
   * delivered messages off; tells of a cancel and of messages. A new phase in the patch gives `phase.changed` behind the
   * events, unless they hold it.
   */
  renew(lease: Lease, request: RenewRequest): Promise<Renewal>;
  /** The one terminal transition, with its event. Repeating it with the same status under the same fence changes nothing and succeeds. */
  finish(lease: Lease, ending: Ending): Promise<Job>;
  /** Gives the job back: queued again, or `failed: runner_lost` when lost starts are used up, or `cancelled` when a cancel waits. */
  release(lease: Lease, release: Release): Promise<Job>;
  /** Queued: cancelled at once. Running: noted, the runner ends it. Terminal: unchanged. Undefined: no such job. */
  cancel(id: JobId, by: Readonly<{ name: string; tenant?: string }>): Promise<Job | undefined>;
  /**
   * A terminal job queued again, with its session; for publication only, with Claude's result and the mark `publish_only`,
   * which the next retry takes off. @throws AppError `conflict` when it is live, `not_found`.
   */
  retry(id: JobId, tenant?: string, only?: "publish" | Readonly<{ budgets: readonly BudgetOrder[] }>): Promise<Job>;
  /** Stored before it returns, event `message.received`. @throws AppError `conflict` once terminal, `not_found`. */
  addMessage(id: JobId, message: Message, tenant?: string): Promise<Job>;
  /** Events behind the cursor, at most `limit` (500). @throws AppError `invalid_request` for a cursor that was not issued for this job, `not_found`. */
  events(id: JobId, query: Readonly<{ after?: string; limit?: number }>): Promise<EventPage>;
  /**
   * Resolves when something may have changed (of that job, or at all) since the call, after `timeoutMs`, or on abort; never
   * rejects. A hint: read the state. Call it before reading and await it after, so that no change falls between.
   * Without a job it also resolves when a delay, a lease or a queue time ends.
   * With `control` only what others do to a running job wakes: a cancel or message that no renewal has told of yet (at once,
   * if there is one already), or the lease gone. Its runner's own renewals do not. With `runner` only what is asked of that
   * runner itself (a drain) wakes. With `pools` a store may keep quiet of what gives no runner of these pools a job. With `relay` only
   * that relay does: as soon as it has messages behind `after`, or is gone. With `notices` only a notification does that is
   * due, in a store of one box also when that becomes so by time; what one process sends, a store may keep from others.
   */
  changed(what: ChangeQuery): Promise<void>;
  /** Reaps expired leases (attempt ended as `lease_lost`), expires jobs over their queue time, removes terminal jobs over their TTL. Returns the jobs that it changed. */
  sweep(): Promise<readonly JobId[]>;
  /** Writes this runner's record; true when somebody asked it to drain. */
  announce(runner: RunnerRecord): Promise<{ drain: boolean }>;
  /** Takes the record away at an orderly end. */
  retire(runnerId: string): Promise<void>;
  /** Runners seen in the last 90 s. */
  runners(): Promise<readonly RunnerRecord[]>;
  /** Marks every live runner of this name as draining; the count of marked ones. */
  drain(name: string): Promise<number>;
  /** Remembers who may continue a session. Written by a runner under its lease. */
  saveSession(lease: Lease, session: SessionRecord): Promise<void>;
  findSession(id: string): Promise<SessionRecord | undefined>;
  /** The live job that uses the session now or waits to, if any. */
  sessionUser(id: string): Promise<JobId | undefined>;
  /**
   * Keeps the conversation of the session that the job works in, instead of what was there, for as long as its record.
   * @throws AppError `session_not_found` where the job works in another one.
   */
  saveTranscript(lease: Lease, transcript: TranscriptRecord): Promise<void>;
  findTranscript(session: string): Promise<TranscriptRecord | undefined>;
  /** Keeps what a runner knows of a prepared worktree. @throws AppError `worktree_in_use` where another live job has it. */
  saveWorktree(lease: Lease, record: WorktreeRecord): Promise<void>;
  findWorktree(id: string, tenant?: string): Promise<WorktreeRecord | undefined>;
  /** Newest first, without those that are removed. */
  listWorktrees(query: WorktreeQuery): Promise<readonly WorktreeRecord[]>;
  /** True when the owner has the lock now: taken anew, or its own extended. */
  takeLock(lock: StoreLock): Promise<boolean>;
  /** Gives it back; changes nothing where another owner has it. */
  dropLock(lock: Omit<StoreLock, "ttlMs">): Promise<void>;
  /** Of each name, in this order; one that nobody took from is empty. */
  budgets(names: readonly string[]): Promise<readonly BudgetState[]>;
  counts(): Promise<StoreCounts>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
}
