import { NoServer } from "../shared/client.ts";
import { type AppError, toAppError } from "../shared/error.ts";
import type { Print } from "./print.ts";

/** 0 done · 1 the operation or the job failed · 2 wrong usage · 3 no server (contract 4) · 130 left by Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** The command line asks for something that it cannot be. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Says what went wrong and what to do about it, and gives the exit code that fits. */
export function explain(thrown: unknown, print: Print): ExitCode {
  if (thrown instanceof UsageError) {
    print.error(thrown.message);
    return 2;
  }
  const error = toAppError(thrown);
  print.error(error.message);
  for (const { path, message } of shownErrors(error)) print.note(`  ${path}: ${message}`);
  print.note(`  ${error.remedy}`);
  return error instanceof NoServer ? 3 : 1;
}

/** One wrong place is already in the sentence. */
const shownErrors = (error: AppError) => (error.errors.length > 1 ? error.errors : []);
