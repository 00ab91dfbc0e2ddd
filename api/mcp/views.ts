import type { CallToolResult } from "@modelcontextprotocol/server";
import { z } from "zod";
import { isTerminal, type Job } from "../../shared/job.ts";
import type { ToolAnswer } from "./tool.ts";

/** The parts of a job that a program can rely on; there are more. In few words: a model pays for them seven times. */
const JobView = z.looseObject({
  id: z.string(),
  status: z.string(),
  phase: z.string().optional(),
  error_code: z.string().optional(),
  pr_url: z.string().optional(),
});

/** Clients check a problem against the output schema as well, so nothing but this is in every answer. */
const success = z.boolean();
export const JobOutput = z.looseObject({ success, job: JobView.optional() });
export const WaitOutput = z.looseObject({
  success,
  job: JobView.optional(),
  events: z.array(z.looseObject({ id: z.string(), type: z.string() })).optional(),
  next: z.string().optional(),
});
export const JobsOutput = z.looseObject({
  success,
  jobs: z.array(JobView).optional(),
  next_cursor: z.string().optional(),
});
export const ProfilesOutput = z.looseObject({
  success,
  profiles: z.array(z.looseObject({ name: z.string() })).optional(),
});

const WorktreeView = z.looseObject({ id: z.string(), status: z.string() });
export const WorktreeOutput = z.looseObject({ success, worktree: WorktreeView.optional() });
export const WorktreesOutput = z.looseObject({ success, worktrees: z.array(WorktreeView).optional() });

/** What is said of a job that is still live, so that a model knows what to do next. */
const howToWait = ({ id, status, questions: [question] = [] }: Pick<Job, "id" | "status" | "questions">): string =>
  question
    ? `Claude waits until ${question.until}: may it use ${question.tool}? Look at \`questions\`, ask your user if in doubt, and call answer_question.`
    : `The job is ${status}. Call wait_for_job with job_id ${id} until its status is succeeded, failed, cancelled or expired.`;

/** What is answered of a job. */
export const jobAnswer = (job: Job): ToolAnswer => ({
  success: true,
  job,
  ...(isTerminal(job.status) ? {} : { hint: howToWait(job) }),
});

/** A body for programs, and the same as a text for models. */
export const toolResult = (body: object): CallToolResult => ({
  content: [{ type: "text", text: JSON.stringify(body) }],
  structuredContent: { ...body },
});

/** As many characters, and a mark where there were more. */
export const cutText = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more characters)`;
