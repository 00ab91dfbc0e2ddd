import {
  type ListResourcesResult,
  type ListResourceTemplatesResult,
  type ReadResourceResult,
  ResourceNotFoundError,
} from "@modelcontextprotocol/server";
import { AppError } from "../../shared/error.ts";
import type { JobEvent } from "../../shared/event.ts";
import type { Job } from "../../shared/job.ts";
import type { ApiDeps } from "../deps.ts";
import { readEvents } from "../events.ts";
import { type Asking, getJob, listJobs } from "../jobs.ts";
import { cutText } from "./views.ts";

const json = "application/json";
const lines = "application/x-ndjson";
/** What a client is given of a log; the newest events are kept. */
const maxLogCharacters = 512 * 1024;
const listed = 20;
const uriOf = (id: string) => `agenticore://jobs/${id}`;

const template = (rest: string, facts: Readonly<{ name: string; description: string; mimeType: string }>) => ({
  uriTemplate: `agenticore://jobs/{id}${rest}`,
  ...facts,
});
export const resourceTemplates: ListResourceTemplatesResult = {
  resourceTemplates: [
    template("", { name: "job", description: "All that is known of a job.", mimeType: json }),
    template("/log", { name: "log", description: "The events of a job, one a line, oldest first.", mimeType: lines }),
    template("/diff", {
      name: "diff",
      description: "What a job changed, in numbers, and where the commit is.",
      mimeType: json,
    }),
  ],
};

/** The caller's newest jobs; the others are found by `list_jobs`. */
export async function listResources(deps: ApiDeps, asking: Asking): Promise<ListResourcesResult> {
  const { jobs } = await listJobs(deps, { limit: listed }, asking);
  const resources = jobs.map(({ id, status, task }) => ({
    uri: uriOf(id),
    name: id,
    title: cutText(task.replace(/\s+/g, " ").trim(), 80),
    description: `A job that is ${status}.`,
    mimeType: json,
  }));
  return { resources };
}

/** The job that a URI is of, and which part of it; undefined for what is no URI of ours. */
export function jobResource(uri: string): Readonly<{ id: string; part?: string }> | undefined {
  const [, id, part] = /^agenticore:\/\/jobs\/([^/?#]{1,64})(?:\/(log|diff))?$/.exec(uri) ?? [];
  return id === undefined ? undefined : { id, ...(part === undefined ? {} : { part }) };
}

/** @throws ResourceNotFoundError for whatever is no resource of the caller's; AppError where the store cannot answer. */
export async function readResource(deps: ApiDeps, uri: string, asking: Asking): Promise<ReadResourceResult> {
  const { id, part } = jobResource(uri) ?? {};
  if (id === undefined) throw new ResourceNotFoundError(uri);
  const job = await getJob(deps, id, asking).catch((error: unknown) => {
    throw error instanceof AppError && error.code === "not_found" ? new ResourceNotFoundError(uri) : error;
  });
  if (part === "log") return content(uri, lines, await logOf(deps, job, asking));
  return content(uri, json, JSON.stringify(part === "diff" ? changeOf(job) : job));
}

const content = (uri: string, mimeType: string, text: string): ReadResourceResult => ({
  contents: [{ uri, mimeType, text }],
});

/** Where the patch is: in the repository, under this branch and commit. */
const changeOf = ({ repo_url, base_ref, branch, commit, diff, pr_url }: Job) => ({
  ...{ repo_url, base_ref, branch, commit, pr_url },
  diff: diff ?? { files: 0, insertions: 0, deletions: 0 },
});

async function logOf(deps: ApiDeps, { id }: Job, asking: Asking): Promise<string> {
  const log: string[] = [];
  let left = maxLogCharacters;
  let dropped = 0;
  for (let after: string | undefined; ; ) {
    const page = await readEvents(deps, { id, ...(after === undefined ? {} : { after }) }, asking);
    for (const line of page.events.map(lineOf)) {
      log.push(line);
      left -= line.length;
      for (; left < 0 && log.length > 1; dropped++) left += log.shift()?.length ?? 0;
    }
    after = page.next;
    if (after === undefined || page.events.length === 0) break;
  }
  return [
    ...(dropped > 0 ? [`${JSON.stringify({ type: "log.dropped", data: { count: dropped } })}\n`] : []),
    ...log,
  ].join("");
}

const lineOf = (event: JobEvent): string => `${JSON.stringify(event)}\n`;
