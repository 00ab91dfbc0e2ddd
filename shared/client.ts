import type { z } from "zod";
import type { Clock } from "./clock.ts";
import { AppError, type ErrorCode, errorCodes } from "./error.ts";
import type { Job, JobRequestInput, JobStatus, MessageRequest } from "./job.ts";
import { Problem } from "./problem.ts";
import type { ProfileSummary } from "./profile.ts";
import {
  BudgetsReply,
  DrainReply,
  EventsReply,
  HealthReply,
  JobReply,
  JobsReply,
  ProfileReply,
  ProfilesReply,
  ReadyReply,
  RunnersReply,
  type RunnerView,
  WorktreeJobsReply,
  WorktreeReply,
  WorktreesReply,
} from "./reply.ts";
import type { Secret } from "./secret.ts";
import type { CleanupRequest, PrepareRequest, Worktree } from "./worktree.ts";

export type ClientOptions = Readonly<{
  /** Where the server is, as in `http://127.0.0.1:8200`; a path in front of ours is kept. */
  url: string;
  apiKey?: Secret;
  fetch: typeof globalThis.fetch;
  clock: Clock;
}>;
export type CallOptions = Readonly<{ signal?: AbortSignal }>;
export type SubmitOptions = CallOptions & Readonly<{ idempotencyKey?: string; wait?: boolean; waitSeconds?: number }>;
export type JobsQuery = Readonly<{
  status?: JobStatus;
  repo_url?: string;
  profile?: string;
  limit?: number;
  cursor?: string;
}>;

export type Readiness = Readonly<{ status: "ready" | "not_ready"; parts: ReadyReply["parts"] }>;

/** Nothing answers at the address, or what answers is not Agenticore: exit code 3 of the CLI. */
export class NoServer extends AppError {
  readonly url: string;
  constructor(url: string, sentence: string, cause?: unknown) {
    super("store_unavailable", sentence, {
      cause,
      remedy: "Start one with `agenticore serve`, or set AGENTICORE_URL to where it runs.",
    });
    this.name = "NoServer";
    this.url = url;
  }
}

/** Every method throws AppError with the code, sentence and remedy of the server's problem, or NoServer. */
export type ApiClient = ReturnType<typeof apiClient>;

/** Our own REST API, typed. One request per call and no retries: `followJob` and `waitForEnd` add them. */
export function apiClient(options: ClientOptions) {
  const call = caller(options);
  const jobAt = (id: string, rest = "") => `/jobs/${encodeURIComponent(id)}${rest}`;
  return {
    url: options.url,
    clock: options.clock,
    /** `replayed`: this key had already made the job. With `wait` the job as it stands when the wait ends. */
    async submit(request: JobRequestInput, { idempotencyKey, wait, waitSeconds, signal }: SubmitOptions = {}) {
      const response = await call.send("/jobs", {
        body: { ...request, ...(wait ? { wait } : {}), ...(waitSeconds ? { wait_seconds: waitSeconds } : {}) },
        ...(idempotencyKey ? { headers: { "idempotency-key": idempotencyKey } } : {}),
        signal,
      });
      const { job } = await call.read(response, JobReply);
      return { job, replayed: response.headers.get("idempotent-replayed") === "true" };
    },
    /** With `wait` (seconds) the answer comes when the status changes, at once for a terminal job. */
    job: async (id: string, { wait, signal }: CallOptions & { wait?: number } = {}): Promise<Job> =>
      (await call.get(`${jobAt(id)}${query({ wait })}`, JobReply, signal)).job,
    jobs: (filter: JobsQuery = {}, { signal }: CallOptions = {}): Promise<JobsReply> =>
      call.get(`/jobs${query(filter)}`, JobsReply, signal),
    cancel: async (id: string, { signal }: CallOptions = {}): Promise<Job> =>
      (await call.post(jobAt(id, "/cancel"), {}, { schema: JobReply, signal })).job,
    retry: async (id: string, { signal }: CallOptions = {}): Promise<Job> =>
      (await call.post(jobAt(id, "/retry"), {}, { schema: JobReply, signal })).job,
    /** Queues an ended job for commit, push and pull request alone. */
    publish: async (id: string, { signal }: CallOptions = {}): Promise<Job> =>
      (await call.post(jobAt(id, "/publish"), {}, { schema: JobReply, signal })).job,
    message: async (id: string, message: z.input<typeof MessageRequest>, { signal }: CallOptions = {}): Promise<Job> =>
      (await call.post(jobAt(id, "/messages"), message, { schema: JobReply, signal })).job,
    /** One page behind the cursor; `next` is absent at the end of a terminal job. */
    events: (id: string, { after, signal }: CallOptions & { after?: string } = {}): Promise<EventsReply> =>
      call.get(`${jobAt(id, "/events")}${query({ after })}`, EventsReply, signal),
    /** The open event stream behind the cursor; undefined where a terminal job has no more. */
    async stream(id: string, { after, signal }: CallOptions & { after?: string } = {}) {
      const headers = { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) };
      const response = await call.send(jobAt(id, "/events"), { headers, signal });
      return response.status === 204 ? undefined : (response.body ?? undefined);
    },
    profiles: async ({ signal }: CallOptions = {}): Promise<readonly ProfileSummary[]> =>
      (await call.get("/profiles", ProfilesReply, signal)).profiles,
    profile: async (name: string, { signal }: CallOptions = {}): Promise<ProfileSummary> =>
      (await call.get(`/profiles/${encodeURIComponent(name)}`, ProfileReply, signal)).profile,
    worktrees: async ({ signal }: CallOptions = {}): Promise<readonly Worktree[]> =>
      (await call.get("/worktrees", WorktreesReply, signal)).worktrees,
    worktree: async (id: string, { signal }: CallOptions = {}): Promise<Worktree> =>
      (await call.get(`/worktrees/${encodeURIComponent(id)}`, WorktreeReply, signal)).worktree,
    /** The job that prepares it; its id is the worktree's. */
    prepareWorktree: async (asked: z.input<typeof PrepareRequest>, { signal }: CallOptions = {}): Promise<Job> =>
      (await call.post("/worktrees", asked, { schema: JobReply, signal })).job,
    /** The jobs that remove worktrees, by id or by age. */
    cleanupWorktrees: async (asked: z.input<typeof CleanupRequest>, { signal }: CallOptions = {}): Promise<Job[]> =>
      (await call.post("/worktrees/cleanup", asked, { schema: WorktreeJobsReply, signal })).jobs,
    /** What is left of today's budgets; with `repoUrl` also of that repository's. */
    budgets: (repoUrl?: string, { signal }: CallOptions = {}): Promise<BudgetsReply> =>
      call.get(`/budgets${query({ repo_url: repoUrl })}`, BudgetsReply, signal),
    runners: async ({ signal }: CallOptions = {}): Promise<readonly RunnerView[]> =>
      (await call.get("/runners", RunnersReply, signal)).runners,
    /** The count of live runners of that name, which now drain. */
    drain: async (name: string, { signal }: CallOptions = {}): Promise<number> =>
      (await call.post(`/runners/${encodeURIComponent(name)}/drain`, {}, { schema: DrainReply, signal })).draining,
    health: ({ signal }: CallOptions = {}): Promise<HealthReply> => call.get("/health", HealthReply, signal),
    /** Does not throw for a server that is not ready: the parts say which one is down. */
    async ready({ signal }: CallOptions = {}): Promise<Readiness> {
      const { success, parts } = await call.read(await call.send("/ready", { signal, allowed: [503] }), ReadyReply);
      return { status: success ? "ready" : "not_ready", parts };
    },
  };
}

type Sending = Readonly<{
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Statuses above 399 that are answers here. */
  allowed?: readonly number[];
}>;
type Reading<S extends z.ZodType> = Readonly<{ schema: S; signal: AbortSignal | undefined }>;

function caller({ url, apiKey, fetch }: ClientOptions) {
  const base = url.replace(/\/+$/, "");
  async function send(path: string, { body, headers, signal, allowed = [] }: Sending): Promise<Response> {
    const response = await fetch(`${base}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        accept: "application/json",
        ...(apiKey ? { authorization: `Bearer ${apiKey.reveal()}` } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      redirect: "manual", // a followed redirect would turn a POST into a GET
    }).catch((cause: unknown) => {
      if (signal?.aborted) throw cause;
      throw new NoServer(url, `No server answers at ${url} (${reason(cause)}).`, cause);
    });
    if (response.ok || allowed.includes(response.status)) return response;
    throw await failure(response, url);
  }
  const read = async <S extends z.ZodType>(response: Response, schema: S): Promise<z.output<S>> => {
    const body: unknown = await response.json().catch(() => undefined);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new NoServer(
      url,
      `What answers at ${url} is not an Agenticore server that this program understands.`,
      parsed.error,
    );
  };
  return {
    send,
    read,
    get: async <S extends z.ZodType>(path: string, schema: S, signal?: AbortSignal) =>
      read(await send(path, { signal }), schema),
    post: async <S extends z.ZodType>(path: string, body: unknown, { schema, signal }: Reading<S>) =>
      read(await send(path, { body, signal }), schema),
  };
}

/** The server's problem as the error it was there; what is no problem document is not ours. */
async function failure(response: Response, url: string): Promise<AppError> {
  const body: unknown = await response.json().catch(() => undefined);
  const problem = Problem.safeParse(body);
  if (problem.success && isCode(problem.data.code)) {
    const { code, detail, remedy, errors = [], request_id } = problem.data;
    const seen = code === "internal" && request_id ? `${detail} (request ${request_id})` : detail;
    return new AppError(code, seen, { remedy, errors });
  }
  if (response.status >= 500)
    return new AppError(
      "store_unavailable",
      `${url} answered ${response.status}: the server or a proxy before it is down.`,
    );
  const where = response.headers.get("location");
  return new NoServer(
    url,
    where
      ? `${url} sends on to ${where}; requests are not sent on.`
      : `What answers at ${url} is not Agenticore (it answered ${response.status}).`,
  );
}

const isCode = (code: string): code is ErrorCode => code in errorCodes;

/** The system's word for it (`ECONNREFUSED`), which fetch hides in the cause. */
function reason(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}

function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
