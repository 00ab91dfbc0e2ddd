import { jobTools } from "./job-tools.ts";
import { profileTools } from "./profile-tools.ts";
import type { AnyTool } from "./tool.ts";
import { worktreeTools } from "./worktree-tools.ts";

/** All tools, in the order in which a model is told of them (contract 3). */
export const tools: readonly AnyTool[] = [...jobTools, ...profileTools, ...worktreeTools];
