import type { Clock } from "../../shared/clock.ts";
import type { Config } from "../../shared/config-keys.ts";
import type { Job } from "../../shared/job.ts";
import type { Log } from "../../shared/log.ts";
import type { Redact } from "../../shared/redact.ts";
import { openCollector } from "./collector.ts";
import { type JobRelay, jobRelay } from "./job-relay.ts";
import { jobSpans } from "./job-spans.ts";
import { claimObservations, endObservations } from "./langfuse/job-observations.ts";
import { openLangfuse } from "./langfuse/langfuse.ts";
import { attemptSpan } from "./trace-id.ts";
import { readTranscript } from "./transcript/read-transcript.ts";
import { transcriptObservations } from "./transcript/transcript-observations.ts";

/** What others are told of jobs beside the store. Nothing here is waited for by a job, and nothing makes one fail. */
export type Telemetry = Readonly<{
  /** Of one attempt's Claude; undefined where telemetry is off. */
  relay: (job: Job) => JobRelay | undefined;
  /** An attempt begins. */
  claimed: (job: Job) => void;
  /** Tells what Claude kept of a session. Resolves when it is read, which does not depend on anybody outside; never rejects. */
  said: (session: Said) => Promise<void>;
  /** An attempt is over, and this is the job as the store has it since; undefined where nobody knows. */
  ended: (job: Job | undefined) => void;
}> &
  AsyncDisposable;
/** Nothing of the job may be alive any more, and this is read before its folder is made anew. */
type Said = Readonly<{ job: Job; attempt: number; configDir: string; sessionId: string | undefined; sinceMs: number }>;
type Deps = Readonly<{
  fetch: typeof globalThis.fetch;
  clock: Clock;
  log: Log;
  redact: Redact;
  /** Makes `redact` know what is secret in a job's profile: who recovers a job has not run it. */
  learn: (job: Job) => Promise<void>;
  version: string;
}>;

export const silentTelemetry: Telemetry = {
  relay: () => undefined,
  claimed: () => undefined,
  said: async () => undefined,
  ended: () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/** The runner's end waits as long for what is still to be sent. */
const goodbyeMs = 3_000;

export function openTelemetry(config: Config, deps: Deps): Telemetry {
  const collector = openCollector(config, deps);
  const langfuse = openLangfuse(config, deps);
  return {
    relay: (job) => jobRelay(job, collector, config),
    claimed: (job) => langfuse?.tell(claimObservations(job, deps.clock.now())),
    said: async ({ job, attempt, sessionId, configDir, sinceMs }) => {
      if (!langfuse || sessionId === undefined) return;
      try {
        await deps.learn(job);
      } catch (error) {
        return deps.log.warn("what was said is not told: its secrets are not known", { error: String(error) });
      }
      const transcript = await readTranscript({ configDir, sessionId }, sinceMs);
      langfuse.tell(transcriptObservations(transcript, { job: job.id, parent: attemptSpan(job.id, attempt) }));
    },
    ended: (job) => {
      if (!job) return;
      collector?.send("traces", jobSpans(job));
      langfuse?.tell(endObservations(job));
    },
    [Symbol.asyncDispose]: async () => {
      const [observations] = await Promise.all([langfuse?.close(goodbyeMs), collector?.close(goodbyeMs)]);
      const requests = collector?.counts().dropped ?? 0;
      if (requests + (observations ?? 0) > 0)
        deps.log.warn("telemetry was dropped", {
          collector_requests: requests,
          langfuse_observations: observations ?? 0,
        });
    },
  };
}
