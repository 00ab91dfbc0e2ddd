import { Job, type JobSummary } from "../../job.ts";
import type { Reply, Word } from "./wire.ts";

/** One way to write a job as the fields of a Redis hash: texts as they are, all else as JSON. Fields that begin with `_` are the scripts' own. */

type Shape = Readonly<{ def: Readonly<{ type: string; innerType?: Shape; values?: readonly unknown[] }> }>;
function isText({ def }: Shape): boolean {
  if (def.type === "optional" && def.innerType) return isText(def.innerType);
  return ["string", "enum"].includes(def.type) || (def.values?.every((value) => typeof value === "string") ?? false);
}

const texts = new Set(Object.entries(Job.shape).flatMap(([name, shape]) => (isText(shape) ? [name] : [])));

/** Names and values, one after the other. `attempts` is written by scripts only. */
export const toFields = (job: Readonly<Partial<Job>>): string[] =>
  Object.entries(job).flatMap(([name, value]) =>
    value === undefined || name === "attempts" ? [] : [name, texts.has(name) ? String(value) : JSON.stringify(value)],
  );

/** What a list tells of a job, in the order in which it is asked for. */
export const summaryFields: readonly string[] = Object.keys(Job.shape).filter(
  (name) => name !== "output" && name !== "result",
);

const read = (name: string, value: string): unknown => {
  if (name === "attempts") return JSON.parse(`[${value}]`);
  return texts.has(name) ? value : JSON.parse(value);
};

export type Seen = Readonly<{ job: Job; revision: number; tenant: string; fence: number }>;

/** The job in an answer of HGETALL (names and values, one after the other), and what the scripts note beside it. */
export function toSeen(flat: Reply): Seen {
  const words = flat as readonly string[];
  const job: Record<string, unknown> = { attempts: [] };
  const own: Record<string, string> = {};
  for (let n = 0; n + 1 < words.length; n += 2) {
    const [name = "", value = ""] = [words[n], words[n + 1]];
    if (name.startsWith("_")) own[name] = value;
    else job[name] = read(name, value);
  }
  const { _rev: revision = 0, _tenant: tenant = "", _fence: fence = 0 } = own;
  // Hashes are written by the scripts of this version only: each has compared the schema's number.
  return { job: job as unknown as Job, revision: Number(revision), tenant, fence: Number(fence) };
}

/** The row of a list: the values of `summaryFields`. */
export function toSummary(values: Reply): JobSummary {
  const job: Record<string, unknown> = { attempts: [] };
  for (const [n, value] of (values as readonly (string | null)[]).entries()) {
    const name = summaryFields[n] ?? "";
    if (value !== null) job[name] = read(name, value);
  }
  return job as unknown as JobSummary;
}

/** A list as scripts read it: how many, then each. */
export const listed = (items: readonly Word[]): Word[] => [items.length, ...items];
