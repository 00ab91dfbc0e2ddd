import { iso } from "../../clock.ts";
import { Job, type JobPatch, JobProgress, type JobSummary, type NotifyState } from "../../job.ts";
import { claimed } from "../job-change.ts";
import type { Reply, Word } from "./wire.ts";

/**
 * One way to write a job as a Redis hash: `request` is the job as it was submitted, as JSON, and what has changed since
 * stands in fields of its own over it, texts as they are and all else as JSON. Fields that begin with `_` are the scripts'.
 */

type Shape = Readonly<{ def: Readonly<{ type: string; innerType?: Shape; values?: readonly unknown[] }> }>;
const bare = ({ def }: Shape): Shape["def"] => (def.type === "optional" && def.innerType ? bare(def.innerType) : def);
const isFree = (shape: Shape): boolean => bare(shape).type === "string";
const isText = (shape: Shape): boolean =>
  ["string", "enum"].includes(bare(shape).type) ||
  (bare(shape).values?.every((value) => typeof value === "string") ?? false);
const named = (test: (shape: Shape) => boolean) =>
  new Set(Object.entries(Job.shape).flatMap(([name, shape]) => (test(shape) ? [name] : [])));

const texts = named(isText);
const freeTexts = named(isFree);

/** What never changes once a job is queued. */
export const requestOf = (job: Job): string =>
  JSON.stringify({ ...job, status: undefined, attempt: undefined, attempts: undefined });

/** A patch: names and values, one after the other. */
export const toFields = (patch: Readonly<Partial<Job>>): string[] =>
  Object.entries(patch).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [name, texts.has(name) ? String(value) : isNone(name, value) ? "" : JSON.stringify(value)],
  );

/** No open question is no field. */
const isNone = (name: string, value: unknown): boolean =>
  name === "questions" && Array.isArray(value) && value.length === 0;

/** What a list tells of a job, in the order in which it is asked for. */
export const summaryFields: readonly string[] = [
  ...[
    "request",
    "status",
    "attempt",
    "attempts",
    "pod_name",
    "waiting",
    "cancel_requested_at",
    "publish_only",
    "notify",
  ],
  ...["started_at", "_started", "ended_at"],
  ...Object.keys(JobProgress.shape).filter((name) => name !== "output" && name !== "result"),
];

/** Scripts drop a field by an empty text; only what is free text may be empty itself. `pool` is the queue, see `boxQueue`. */
const isThere = (name: string, value: string): boolean =>
  !name.startsWith("_") && name !== "request" && name !== "pool" && (value !== "" || freeTexts.has(name));
const asWords = (reply: Reply | undefined): readonly string[] => (Array.isArray(reply) ? reply.map(String) : []);

/** Scripts know times as milliseconds since 1970. */
const times = ["started_at", "ended_at", "cancel_requested_at"];
type Attempt = Job["attempts"][number];
type Timed<T> = { [K in keyof T]: K extends "started_at" | "ended_at" | "until" ? number | string : T[K] };
const toTime = (time: number | string): string => (typeof time === "number" ? iso(time) : time);

function read(name: string, value: string): unknown {
  if (times.includes(name)) return iso(Number(value));
  if (name === "attempts")
    return (JSON.parse(`[${value}]`) as Timed<Attempt>[]).map(
      (attempt): Attempt => ({
        ...attempt,
        started_at: toTime(attempt.started_at),
        ended_at: toTime(attempt.ended_at),
      }),
    );
  if (name === "notify") {
    const { delivered_at: at, ...state } = JSON.parse(value) as Omit<NotifyState, "delivered_at"> & {
      delivered_at?: number;
    };
    return { ...state, ...(at === undefined ? {} : { delivered_at: iso(at) }) };
  }
  if (name === "waiting") {
    const waiting = JSON.parse(value) as Timed<NonNullable<Job["waiting"]>>;
    return { ...waiting, until: toTime(waiting.until) };
  }
  return texts.has(name) ? value : JSON.parse(value);
}

function assembled(fields: ReadonlyMap<string, string>): Job {
  const request = JSON.parse(fields.get("request") ?? "{}") as Record<string, unknown>;
  const job: Record<string, unknown> = { ...request, attempt: 0, attempts: [] };
  const started = fields.get("_started");
  // The first start of a job is not written twice, nor is the phase with which each attempt begins.
  if (started) job["started_at"] = iso(Number(started));
  if (fields.get("status") === "running") job["phase"] = "claimed";
  for (const [name, value] of fields) if (isThere(name, value)) job[name] = read(name, value);
  // Hashes are written by the scripts of this version only: each has compared the schema's number.
  return withLastAttempt(job as unknown as Job, started);
}

/** The attempt that its runner has ended is told by the job's end. */
function withLastAttempt(job: Job, started: string | undefined): Job {
  const { attempt: number, attempts, pod_name = "", ended_at } = job;
  if (!started || ended_at === undefined || attempts.length >= number) return job;
  const last = { number, pod_name, started_at: iso(Number(started)), ended_at, reason: "ended" } as const;
  return { ...job, attempts: [...attempts, last] };
}

export type Seen = Readonly<{ job: Job; revision: number; tenant: string; startedAt: string }>;

/** Who submitted a job: the last of its terms. */
const tenantIn = (terms: string): string => terms.split(" ").slice(4).join(" ");

/**
 * The job in an answer: its hash (names and values, one after the other) and the changes of the script that answered, with
 * what the scripts note beside it.
 */
export function toSeen(hash: Reply | undefined, changes: Reply | undefined): Seen {
  const fields = new Map<string, string>();
  for (const words of [asWords(hash), asWords(changes)])
    for (let n = 0; n + 1 < words.length; n += 2) fields.set(words[n] ?? "", words[n + 1] ?? "");
  const revision = Number(fields.get("_events") ?? 1) + Number(fields.get("_rev") ?? 0);
  const tenant = tenantIn(fields.get("_terms") ?? "");
  return { job: assembled(fields), revision, tenant, startedAt: iso(Number(fields.get("_started") ?? 0)) };
}

/** A job whose first claim was the first that happened to it, from the answer of that claim. */
export function toFirst([, request, terms, time]: readonly Reply[], pod_name: string): Seen {
  const startedAt = iso(Number(time));
  const fresh = JSON.parse(String(request)) as Job;
  return {
    job: claimed(Object.assign(fresh, { attempt: 0, attempts: [] }), { pod_name, at: startedAt }),
    revision: 2,
    tenant: tenantIn(String(terms)),
    startedAt,
  };
}

/** A patch as it is read again: what is undefined was not written. */
export const asWritten = (patch: JobPatch): JobPatch => JSON.parse(JSON.stringify(patch)) as JobPatch;

/** The row of a list: the values of `summaryFields`. */
export const toSummary = (values: Reply): JobSummary =>
  assembled(
    new Map(
      (values as readonly (string | null)[]).flatMap((value, n) =>
        value === null ? [] : [[summaryFields[n] ?? "", value] as const],
      ),
    ),
  );

/**
 * What calls of a script most often have in common, as one word, which is sent, read and compared at the price of one. Lua's
 * reader of JSON refuses half a character (a lone surrogate), which on its way to Redis would become U+FFFD.
 */
export const asFacts = (facts: readonly (Word | readonly string[])[]): string =>
  JSON.stringify(facts.map((fact) => (typeof fact === "object" ? fact.map(wellFormed) : wellFormed(fact))));
const wellFormed = (word: Word): Word => (typeof word === "string" ? word.toWellFormed() : word);

/** A list as scripts read it: how many, then each. */
export const listed = (items: readonly Word[]): Word[] => [items.length, ...items];
