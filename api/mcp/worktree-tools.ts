import { z } from "zod";
import { CleanupRequest, PrepareRequest } from "../../shared/worktree.ts";
import { cleanupWorktrees, getWorktree, listWorktrees, prepareWorktree } from "../worktrees.ts";
import { defineTool } from "./tool.ts";
import { JobOutput, JobsOutput, jobAnswer, WorktreeOutput, WorktreesOutput } from "./views.ts";

const prepare = defineTool({
  name: "prepare_worktree",
  title: "Prepare a worktree",
  description:
    "Make a worktree that several jobs work in, one after the other: its id is the job's id. Give it to run_task as worktree_id.",
  input: PrepareRequest,
  output: JobOutput,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  startsJob: true,
  call: async (args, { deps, asking }) => jobAnswer(await prepareWorktree(deps, args, asking)),
});

const get = defineTool({
  name: "get_worktree",
  title: "Read a worktree",
  description: "A prepared worktree: status, branch, the job that uses it, whether its work is pushed.",
  input: z.strictObject({ worktree_id: z.string().max(64) }),
  output: WorktreeOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  call: async (args, { deps, asking }) => ({
    success: true,
    worktree: await getWorktree(deps, args.worktree_id, asking),
  }),
});

const list = defineTool({
  name: "list_worktrees",
  title: "List worktrees",
  description: "Your prepared worktrees, newest first.",
  input: z.strictObject({}),
  output: WorktreesOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  call: async (_, { deps, asking }) => {
    const worktrees = await listWorktrees(deps, asking);
    return { success: true, count: worktrees.length, worktrees };
  },
});

const cleanup = defineTool({
  name: "cleanup_worktrees",
  title: "Remove worktrees",
  description:
    "Remove prepared worktrees, by worktree_ids or by max_age_hours; never one that a job uses. Answers with the jobs that do it.",
  input: CleanupRequest,
  output: JobsOutput,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  call: async (args, { deps, asking }) => {
    const jobs = await cleanupWorktrees(deps, args, asking);
    return { success: true, count: jobs.length, jobs };
  },
});

export const worktreeTools = [prepare, get, list, cleanup] as const;
