import { Job, type JobSummary } from "../../job.ts";
import type { Reply, Word } from "./wire.ts";

/** One way to write a job as the fields of a Redis hash: texts as they are, all else as JSON. Fields that begin with `_` are the scripts' own. */

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

/** Names and values, one after the other. `attempts` is written by scripts only. */
export const toFields = (job: Readonly<Partial<Job>>): string[] =>
  Object.entries(job).flatMap(([name, value]) =>
    value === undefined || name === "attempts" ? [] : [name, texts.has(name) ? String(value) : JSON.stringify(value)],
  );

/** What a list tells of a job, in the order in which it is asked for. */
export const summaryFields: readonly string[] = Object.keys(Job.shape).filter(
  (name) => name !== "output" && name !== "result",
);

/** Scripts drop a field by an empty text; only what is free text may be empty itself. */
const isThere = (name: string, value: string): boolean => value !== "" || freeTexts.has(name);
const asWords = (reply: Reply | undefined): readonly string[] => (Array.isArray(reply) ? reply.map(String) : []);

const read = (name: string, value: string): unknown => {
  if (name === "attempts") return JSON.parse(`[${value}]`);
  return texts.has(name) ? value : JSON.parse(value);
};

export type Seen = Readonly<{ job: Job; revision: number; tenant: string; fence: number }>;

/**
 * The job in an answer: its hash (names and values, one after the other) and the changes of the script that answered, with
 * what the scripts note beside it.
 */
export function toSeen(hash: Reply | undefined, changes: Reply | undefined): Seen {
  const fields = new Map<string, string>();
  for (const words of [asWords(hash), asWords(changes)])
    for (let n = 0; n + 1 < words.length; n += 2) fields.set(words[n] ?? "", words[n + 1] ?? "");
  const job: Record<string, unknown> = { attempts: [] };
  const own: Record<string, string> = {};
  for (const [name, value] of fields)
    if (name.startsWith("_")) own[name] = value;
    else if (isThere(name, value)) job[name] = read(name, value);
  const { _rev: revision = 1, _tenant: tenant = "", _fence: fence = 0 } = own;
  // Hashes are written by the scripts of this version only: each has compared the schema's number.
  return { job: job as unknown as Job, revision: Number(revision), tenant, fence: Number(fence) };
}

/** The row of a list: the values of `summaryFields`. */
export function toSummary(values: Reply): JobSummary {
  const job: Record<string, unknown> = { attempts: [] };
  for (const [n, value] of (values as readonly (string | null)[]).entries()) {
    const name = summaryFields[n] ?? "";
    if (value !== null && isThere(name, value)) job[name] = read(name, value);
  }
  return job as unknown as JobSummary;
}

/** A list as scripts read it: how many, then each. */
export const listed = (items: readonly Word[]): Word[] => [items.length, ...items];
