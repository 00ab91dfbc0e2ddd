import type { Job } from "../shared/job.ts";
import type { Metered } from "./claude/usage-receiver.ts";
import { waits } from "./conclude.ts";
import { keepRecord, readTail } from "./process/keep-record.ts";
import type { ClaudeRun } from "./run-claude.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Seen = Readonly<{ runDir: string; job: Job; metered: Metered }>;

/** What is known of an attempt whose tree is dead, for `judge`; keeps what it printed. */
export async function evidenceOf({ session, exit, stop }: ClaudeRun, { runDir, job, metered }: Seen, deps: RunnerDeps) {
  const { tries, sinceMs } = waits(job);
  const stderr = await readTail(runDir, "err", 8_192);
  await Promise.all([keepRecord(runDir, "out"), keepRecord(runDir, "err")]);
  return {
    session,
    exit,
    stderr,
    metered,
    transientTries: tries,
    nowMs: deps.clock.now(),
    redact: deps.redact,
    ...(stop === undefined ? {} : { stop }),
    ...(sinceMs === undefined ? {} : { limitedSinceMs: sinceMs }),
  };
}
