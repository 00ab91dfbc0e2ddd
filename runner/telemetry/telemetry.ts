import type { Clock } from "../../shared/clock.ts";
import type { Config } from "../../shared/config-keys.ts";
import type { Job } from "../../shared/job.ts";
import type { Log } from "../../shared/log.ts";
import type { Redact } from "../../shared/redact.ts";
import { openCollector } from "./collector.ts";
import { type JobRelay, jobRelay } from "./job-relay.ts";
import { jobSpans } from "./job-spans.ts";

/** What others are told of jobs beside the store. Nothing here is waited for by a job, and nothing makes one fail. */
export type Telemetry = Readonly<{
  /** Of one attempt's Claude; undefined where telemetry is off. */
  relay: (job: Job) => JobRelay | undefined;
  /** An attempt is over, and this is the job as the store has it since. */
  ended: (job: Job) => void;
}> &
  AsyncDisposable;
type Deps = Readonly<{ fetch: typeof globalThis.fetch; clock: Clock; log: Log; redact: Redact }>;

export const silentTelemetry: Telemetry = {
  relay: () => undefined,
  ended: () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/** The runner's end waits as long for what is still to be sent. */
const goodbyeMs = 3_000;

export function openTelemetry(config: Config, deps: Deps): Telemetry {
  const collector = openCollector(config, deps);
  return {
    relay: (job) => jobRelay(job, collector, config),
    ended: (job) => collector?.send("traces", jobSpans(job)),
    [Symbol.asyncDispose]: async () => {
      await collector?.close(goodbyeMs);
      const counts = collector?.counts();
      if (counts && counts.dropped > 0) deps.log.warn("telemetry was dropped", counts);
    },
  };
}
