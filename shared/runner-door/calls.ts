import { z } from "zod";
import { Job, JobId } from "../job.ts";
import type { JobStore } from "../store.ts";
import {
  Claimed,
  ClaimOrder,
  CleanupOrder,
  EndingOrder,
  LeaseProof,
  LockOrder,
  ReleaseOrder,
  Renewed,
  RenewOrder,
  RunnerNote,
  SessionNote,
  TranscriptNote,
  WaitOrder,
  WorktreeNote,
} from "./schemas.ts";

type Methods = Omit<JobStore, typeof Symbol.asyncDispose>;
type Calls = Readonly<{
  [M in keyof Methods]?: Readonly<{
    args: z.ZodType<Parameters<Methods[M]>>;
    result: z.ZodType<Awaited<ReturnType<Methods[M]>>>;
  }>;
}>;

const nothing = z.void();
const Id = z.string().min(1).max(400);
const tenant = z.string().optional();

/** The methods of the store that a runner works with, and what goes over the wire for each. */
export const runnerCalls = {
  claim: { args: z.tuple([ClaimOrder]), result: Claimed.optional() },
  renew: { args: z.tuple([LeaseProof, RenewOrder]), result: Renewed },
  finish: { args: z.tuple([LeaseProof, EndingOrder]), result: Job },
  release: { args: z.tuple([LeaseProof, ReleaseOrder]), result: Job },
  get: { args: z.tuple([JobId, tenant]), result: Job.optional() },
  changed: { args: z.tuple([WaitOrder]), result: nothing },
  announce: { args: z.tuple([RunnerNote]), result: z.object({ drain: z.boolean() }) },
  retire: { args: z.tuple([Id]), result: nothing },
  saveSession: { args: z.tuple([LeaseProof, SessionNote]), result: nothing },
  findSession: { args: z.tuple([Id]), result: SessionNote.optional() },
  sessionUser: { args: z.tuple([Id]), result: JobId.optional() },
  saveTranscript: { args: z.tuple([LeaseProof, TranscriptNote]), result: nothing },
  findTranscript: { args: z.tuple([Id]), result: TranscriptNote.optional() },
  saveWorktree: { args: z.tuple([LeaseProof, WorktreeNote]), result: nothing },
  findWorktree: { args: z.tuple([Id, tenant]), result: WorktreeNote.optional() },
  listWorktrees: {
    args: z.tuple([
      z.strictObject({ box: z.string(), tenant: z.string().exactOptional(), limit: z.int().exactOptional() }),
    ]),
    result: z.array(WorktreeNote),
  },
  submit: { args: z.tuple([CleanupOrder]), result: z.object({ job: Job, replayed: z.boolean() }) },
  takeLock: { args: z.tuple([LockOrder]), result: z.boolean() },
  dropLock: { args: z.tuple([LockOrder.omit({ ttlMs: true })]), result: nothing },
  ping: { args: z.tuple([]), result: nothing },
} as const satisfies Calls;

export type RunnerCall = keyof typeof runnerCalls;

/** Those that no runner needs, and why. Together the two are the whole port: one that is added to it is a type error here. */
export const withheld = {
  list: "a runner knows the ids of its jobs",
  cancel: "it is people's",
  retry: "it is people's",
  addMessage: "it is people's",
  answer: "it is people's",
  events: "a runner writes events, and reads none",
  sweep: "each claim does it in bounds, and the API does",
  runners: "a runner knows of itself alone",
  drain: "it is an administrator's",
  budgets: "a claimed job says what it may cost",
  takeNotices: "notifications are sent by who has the store, and the API has",
  settleNotice: "notifications are sent by who has the store, and the API has",
  noticeCounts: "it tells of all jobs",
  counts: "it tells of all pools",
  openRelay: "streams of agents are the API's",
  sendRelay: "streams of agents are the API's",
  takeRelay: "streams of agents are the API's",
  closeRelay: "streams of agents are the API's",
  saveKey: "keys are the store's",
  findKey: "keys are the store's",
  listKeys: "keys are the store's",
  touchKey: "keys are the store's",
  revokeKey: "keys are the store's",
  takeTurn: "the server counts requests",
} as const satisfies Readonly<Record<Exclude<keyof Methods, RunnerCall>, string>>;

export const isRunnerCall = (method: string): method is RunnerCall => Object.hasOwn(runnerCalls, method);
