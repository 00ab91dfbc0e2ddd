import { createHash } from "node:crypto";
import type { JobId } from "../../shared/job.ts";

/** The one trace of a job, 32 hex digits (W3C Trace Context 3.2.2.3): whoever knows the job's id finds its trace. */
export const traceIdOf = (job: JobId): string => job.replaceAll("-", "");

/** A span of the job, 16 hex digits; the same name gives the same span again, so that what is told twice is one. */
export const spanIdOf = (job: JobId, name: string): string =>
  createHash("sha256").update(`${job}/${name}`).digest("hex").slice(0, 16);

export const rootSpan = (job: JobId): string => spanIdOf(job, "job");
export const attemptSpan = (job: JobId, attempt: number): string => spanIdOf(job, `attempt ${attempt}`);
