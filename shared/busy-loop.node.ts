import { performance } from "node:perf_hooks";

/** Above this what is asked of the process waits for its turn already. */
const busy = 0.7;

/** Tells whether the event loop had little time to spare since it was asked last (nodejs.org/api/perf_hooks.html). */
export function busyLoop(): () => boolean {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization > busy;
  };
}
