import { performance } from "node:perf_hooks";

/** Above this what is asked of the process would wait: one more turn of 10 ms is in the way of several requests. */
const busy = 0.3;

/** Tells whether the event loop was at work for much of the time since it was asked last (nodejs.org/api/perf_hooks.html). */
export function busyLoop(
  used: typeof performance.eventLoopUtilization = performance.eventLoopUtilization,
): () => boolean {
  let last = used();
  return () => {
    const now = used();
    const { utilization } = used(now, last);
    last = now;
    return utilization > busy;
  };
}
