export type StopReason = "cancelled" | "timeout" | "lease-lost" | "draining" | "output-limit" | "stalled" | "looping";

/** Why a job's work is ended from outside: the reason of its AbortSignal. The first one wins and decides the outcome. */
export class Stop extends Error {
  readonly why: StopReason;
  constructor(why: StopReason, options?: ErrorOptions) {
    super(`stopped: ${why}`, options);
    this.name = "Stop";
    this.why = why;
  }
}

export const stopReason = (signal: AbortSignal): StopReason | undefined =>
  signal.reason instanceof Stop ? signal.reason.why : undefined;
