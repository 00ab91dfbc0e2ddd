import { performance } from "node:perf_hooks";

/** Above this what is asked of the process would wait: one more turn of 10 ms is in the way of several requests. */
const busy = 0.3;

/** Tells whether the event loop was at work for much of the time since it was asked last (nodejs.org/api/perf_hooks.html). */
export function busyLoop(): () => boolean {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization > busy;
  };
}
