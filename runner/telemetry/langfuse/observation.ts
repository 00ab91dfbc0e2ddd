import type { JobId } from "../../../shared/job.ts";

/** Something that happened in a job, as Langfuse shows it. Times are milliseconds since 1970. */
export type Observation = Readonly<{
  job: JobId;
  /** 16 hex digits: see `spanIdOf`. */
  id: string;
  /** Absent for the one that all others hang under. */
  parent?: string;
  kind: "span" | "generation" | "tool" | "agent" | "event";
  name: string;
  startMs: number;
  endMs: number;
  input?: unknown;
  output?: unknown;
  model?: string;
  /** Tokens by kind, as Langfuse names them. */
  usage?: Readonly<Record<string, number>>;
  trouble?: Readonly<{ level: "WARNING" | "ERROR"; message: string }>;
  metadata?: Readonly<Record<string, unknown>>;
  /** What is said of the whole trace here. */
  trace?: TraceFacts;
}>;
export type TraceFacts = Readonly<{
  input: unknown;
  output?: unknown;
  session?: string;
  tags: readonly string[];
  metadata: Readonly<Record<string, unknown>>;
}>;
