import type { ApiClient } from "./client/api-client.ts";
import { type Asking, caller, query } from "./client/caller.ts";
import { notOurs } from "./client/no-server.ts";
import { type Clock, sleepByTimer } from "./clock.ts";
import type { AppError } from "./error.ts";
import { followJob, waitForEnd } from "./follow.ts";
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
  WorktreeJobsReply,
  WorktreeReply,
  WorktreesReply,
} from "./reply.ts";
import type { Secret } from "./secret.ts";

export type { ApiClient, CallOptions, JobsQuery, Readiness, SubmitOptions } from "./client/api-client.ts";
export { NoServer } from "./client/no-server.ts";
export { AppError, type ErrorCode, type FieldError } from "./error.ts";
export type { EventType, JobEvent } from "./event.ts";
export type { FollowOptions } from "./follow.ts";
export { isTerminal, type Job, type JobRequestInput, type JobStatus, type JobSummary } from "./job.ts";

export type ClientOptions = Readonly<{
  /** Where the server is, as in `http://127.0.0.1:8200`; a path in front of ours is kept. */
  url: string;
  /** Sent as `Authorization: Bearer`. Not needed where the server has none. */
  apiKey?: string | Secret;
  /** The runtime's own, or one that goes through a proxy. Called as a plain function. */
  fetch: typeof globalThis.fetch;
  /** For the pauses between tries, and to find out that a stream is dead; by default the runtime's timers. */
  clock?: Clock;
  /** Called before a call waits because the server says when to come again, with what it said. */
  onPostponed?: (error: AppError, ms: number) => void;
}>;

/** A client of the server at `url`. No request is made yet. Needs nothing but `fetch`: works on Node, in browsers and Workers. */
export function apiClient({ url, apiKey, fetch, clock = timers, onPostponed }: ClientOptions): ApiClient {
  const call = caller({ url, apiKey, fetch, clock, onPostponed });
  const jobAt = (id: string, rest = "") => `/jobs/${encodeURIComponent(id)}${rest}`;
  const treeAt = (id: string) => `/worktrees/${encodeURIComponent(id)}`;
  const source = {
    url,
    clock,
    postponedFor: call.postponedFor,
    job: async (id: string, { wait, ...asking }: Readonly<{ wait?: number }> & Asking = {}) =>
      (await call.get(`${jobAt(id)}${query({ wait })}`, JobReply, asking)).job,
    stream: async (id: string, { after, ...asking }: Readonly<{ after?: string }> & Asking) => {
      const headers = { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) };
      const response = await call.send(jobAt(id, "/events"), { headers, ...asking });
      if (response.status === 204) return undefined;
      if (!response.headers.get("content-type")?.startsWith("text/event-stream")) throw notOurs(url);
      return response.body ?? undefined;
    },
  };
  const act = async (id: string, verb: string, signal: AbortSignal | undefined) =>
    (await call.post(jobAt(id, `/${verb}`), {}, { schema: JobReply, signal })).job;
  return {
    url,
    submit: async (request, { idempotencyKey, wait, waitSeconds, signal } = {}) => {
      const response = await call.send("/jobs", {
        body: { ...request, ...(wait ? { wait } : {}), ...(waitSeconds ? { wait_seconds: waitSeconds } : {}) },
        ...(idempotencyKey ? { headers: { "idempotency-key": idempotencyKey }, again: true } : {}),
        signal,
      });
      const { job } = await call.read(response, JobReply);
      return { job, replayed: response.headers.get("idempotent-replayed") === "true" };
    },
    job: (id, options) => source.job(id, options),
    jobs: (filter = {}, { signal } = {}) => call.get(`/jobs${query(filter)}`, JobsReply, { signal }),
    cancel: (id, { signal } = {}) => act(id, "cancel", signal),
    retry: (id, { signal } = {}) => act(id, "retry", signal),
    publish: (id, { signal } = {}) => act(id, "publish", signal),
    message: async (id, message, { signal } = {}) =>
      (await call.post(jobAt(id, "/messages"), message, { schema: JobReply, signal })).job,
    answer: async (id, answer, { signal } = {}) =>
      (await call.post(jobAt(id, "/answers"), answer, { schema: JobReply, signal })).job,
    events: (id, { after, signal } = {}) =>
      call.get(`${jobAt(id, "/events")}${query({ after })}`, EventsReply, { signal }),
    follow: (id, options) => followJob(source, id, options),
    waitForEnd: (id, options) => waitForEnd(source, id, options),
    profiles: async ({ signal } = {}) => (await call.get("/profiles", ProfilesReply, { signal })).profiles,
    profile: async (name, { signal } = {}) =>
      (await call.get(`/profiles/${encodeURIComponent(name)}`, ProfileReply, { signal })).profile,
    prepareWorktree: async (asked, { signal } = {}) =>
      (await call.post("/worktrees", asked, { schema: JobReply, signal })).job,
    worktrees: async ({ signal } = {}) => (await call.get("/worktrees", WorktreesReply, { signal })).worktrees,
    worktree: async (id, { signal } = {}) => (await call.get(treeAt(id), WorktreeReply, { signal })).worktree,
    removeWorktree: async (id, { force, signal } = {}) =>
      (await call.remove(`${treeAt(id)}${query({ force })}`, { schema: JobReply, signal })).job,
    cleanupWorktrees: async (asked, { signal } = {}) =>
      (await call.post("/worktrees/cleanup", asked, { schema: WorktreeJobsReply, signal })).jobs,
    budgets: (repoUrl, { signal } = {}) =>
      call.get(`/budgets${query({ repo_url: repoUrl })}`, BudgetsReply, { signal }),
    runners: async ({ signal } = {}) => (await call.get("/runners", RunnersReply, { signal })).runners,
    drain: async (name, { signal } = {}) =>
      (await call.post(`/runners/${encodeURIComponent(name)}/drain`, {}, { schema: DrainReply, signal })).draining,
    health: ({ signal } = {}) => call.get("/health", HealthReply, { signal }),
    ready: async ({ signal } = {}) => {
      const { success, parts } = await call.read(await call.send("/ready", { signal, allowed: [503] }), ReadyReply);
      return { status: success ? "ready" : "not_ready", parts };
    },
    metrics: async ({ signal } = {}) =>
      (await call.send("/metrics", { headers: { accept: "text/plain" }, signal })).text(),
  };
}

/** Made of what every runtime has. */
const timers: Clock = { now: () => Date.now(), uptime: () => performance.now(), sleep: sleepByTimer };
