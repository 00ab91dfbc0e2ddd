import { AppError } from "../error.ts";
import type { JobId } from "../job.ts";

export const alreadyAnswered = (question: string): AppError =>
  new AppError("conflict", `Question ${question} has an answer already.`, {
    remedy: "Nothing to do; the job's events tell what became of it.",
  });

export const noSuchQuestion = (job: JobId, question: string): AppError =>
  new AppError("not_found", `Job ${job} has no open question ${question}.`, {
    remedy: "Read the job: `questions` has those that are open.",
  });
