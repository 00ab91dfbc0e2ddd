import { AppError } from "../error.ts";
import type { JobId } from "../job.ts";

const tagOf = (job: JobId) => job.slice(0, 8);

/** The id of a job's event, from its number: in every store the same, and in order as text. */
export const eventId = (n: number, job: JobId): string => `${String(n).padStart(10, "0")}-${tagOf(job)}`;

/** The number in it; undefined for what `eventId` has not made for this job. */
export function eventNumber(id: string, job: JobId): number | undefined {
  const match = /^(\d{10})-([0-9a-f]{8})$/.exec(id);
  const n = Number(match?.[1]);
  return match?.[2] === tagOf(job) && n >= 1 ? n : undefined;
}

export const foreignEventCursor = (job: JobId): AppError =>
  new AppError("invalid_request", `The cursor is not one of an event of job ${job}.`, {
    remedy: "Use the id of an event of this job, or read from the beginning without a cursor.",
    errors: [{ path: "after", message: "is not the id of an event of this job" }],
  });
