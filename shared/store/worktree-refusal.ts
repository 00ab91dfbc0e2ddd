import { AppError } from "../error.ts";

const errors = (message: string) => [{ path: "worktree_id", message }];

export const noWorktree = (id: string): AppError =>
  new AppError("not_found", `There is no worktree ${id}.`, { errors: errors("no such worktree") });

export const worktreeInUse = (id: string, job: string): AppError =>
  new AppError("worktree_in_use", `The worktree ${id} is in use by job ${job}.`, { errors: errors("is in use") });

export const worktreeNotReady = (id: string, status: string): AppError =>
  new AppError("conflict", `The worktree ${id} is not ready: its preparation is ${status}.`, {
    remedy: "Prepare another one.",
    errors: errors("is not ready"),
  });
