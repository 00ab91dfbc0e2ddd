import type { AttemptReason, JobStatus } from "./job.ts";

/** The arrows of the state machine (jobs.md 1): what may be asked of a job in each state. */
export const arrows = {
  queued: ["claim", "cancel", "expire"],
  running: ["renew", "finish", "release", "cancel"],
  succeeded: ["retry"],
  failed: ["retry"],
  cancelled: ["retry"],
  expired: ["retry"],
} as const satisfies Record<JobStatus, readonly CommandType[]>;

export type CommandType = "claim" | "renew" | "finish" | "release" | "cancel" | "expire" | "retry";
export type Command =
  | Readonly<{ type: "claim" | "renew" | "cancel" | "expire" | "retry" }>
  | Readonly<{ type: "finish"; status: "succeeded" | "failed" | "cancelled" }>
  | Readonly<{ type: "release"; reason: Exclude<AttemptReason, "ended"> }>;

/** What the rules look at; `lost` counts starts that were lost to a crash or a lease. */
export type Standing = Readonly<{ status: JobStatus; lost: number; maxAttempts: number; cancelRequested: boolean }>;

/** The next status, or undefined where the state does not allow the command. */
export function transition(job: Standing, command: Command): JobStatus | undefined {
  if (!(arrows[job.status] as readonly CommandType[]).includes(command.type)) return undefined;
  switch (command.type) {
    case "claim":
    case "renew":
      return "running";
    case "expire":
      return "expired";
    case "retry":
      return "queued";
    case "cancel":
      return job.status === "queued" ? "cancelled" : "running";
    case "finish":
      return command.status;
    case "release":
      return released(job, command.reason);
    default:
      return command satisfies never;
  }
}

function released(job: Standing, reason: Exclude<AttemptReason, "ended">): JobStatus {
  if (job.cancelRequested) return "cancelled";
  return isLoss(reason) && job.lost + 1 >= job.maxAttempts ? "failed" : "queued";
}

/** Only starts lost to a crash or a lease count against `max_attempts`. */
export const isLoss = (reason: AttemptReason): boolean => reason === "crashed" || reason === "lease_lost";

/** Milliseconds until a lost job may start again: none after the first loss, then 5 s doubling to 5 min. */
export const lossDelayMs = (lost: number): number => (lost <= 1 ? 0 : Math.min(300_000, 5_000 * 2 ** (lost - 2)));
