import { AppError } from "../shared/error.ts";
import type { Job } from "../shared/job.ts";
import type { Start } from "./claude/arguments.ts";
import { fileContains } from "./claude/transcript-copy.ts";
import { keepTranscript, keptAt, layOutTranscript, type SessionPlaces } from "./claude/transcripts.ts";
import type { SessionCopies } from "./session-copies.ts";
import type { Workplace } from "./workplace.ts";

type Talk = Readonly<{
  job: Job;
  session: SessionPlaces;
  /** The conversation began with this job; otherwise it is continued because the caller named it. */
  ownSession: boolean;
  work: Pick<Workplace, "path" | "continued" | "here">;
}>;

/** What is known of a conversation before Claude's folder is made. */
export type FoundSession = Readonly<{
  /** The job's task is part of it. */
  begun: boolean;
  /** Why the newest of it is not here. */
  away?: string;
}>;

/**
 * Brings the newest of a conversation to this box; before the job's old configuration folder goes, which may have it.
 * @throws AppError `store_unavailable`, `disk_full`, `internal`.
 */
export async function findSession({ job, session, work }: Talk, copies: SessionCopies): Promise<FoundSession> {
  await keepTranscript(session); // of a lost attempt
  const begun = () => fileContains(keptAt(session.sessions, session.sessionId), taskOf(job));
  // What was said here last fits the tree that is here.
  if (work.here && (await begun())) return { begun: true };
  if (job.session_id === undefined) return { begun: false };
  const away = await copies.bring(session.sessionId);
  return away === undefined ? { begun: await begun() } : { begun: false, away };
}

/**
 * Lays the conversation out in this job's folder. Where the task is part of it, Claude has begun, and is only told to go
 * on, also where the tree could not be reached: what was read, thought and done outside of it is not done twice.
 * @throws AppError `session_not_found`, `disk_full`, `internal`.
 */
export async function beginSession(talk: Talk, { begun, away }: FoundSession): Promise<Start> {
  const { session, ownSession, work } = talk;
  if (begun && (await layOutTranscript(session, work.path))) return "continue";
  if (ownSession) return "new";
  if (away === undefined && (await layOutTranscript(session, work.path))) return "resume";
  throw new AppError(
    "session_not_found",
    away ?? `The conversation of session ${session.sessionId} is not on this box.`,
  );
}

/** The task's message has the job's id as its uuid. */
const taskOf = ({ id }: Job): string => `"uuid":"${id}"`;
