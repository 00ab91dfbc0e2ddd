import { systemClock } from "../../../shared/clock.node.ts";
import { LeaseLost } from "../../../shared/error.ts";
import type { Claim, JobStore } from "../../../shared/store.ts";
import { aClaim } from "../a-job.ts";
import { fixturePool } from "./fixture-job-tools.ts";

const lookMs = 20;
const sayMs = 100;

/** Does what the suite's tools ask of a runner: takes their jobs, and ends each in the time and way that it names. */
export function startFixtureRunner(store: JobStore): AsyncDisposable {
  const stop = new AbortController();
  const ending = new Set<Promise<void>>();
  const claiming = (async () => {
    while (!stop.signal.aborted) {
      const claim = await store.claim(aClaim({ pools: [fixturePool] }));
      if (!claim) {
        await systemClock.sleep(lookMs, stop.signal);
        continue;
      }
      const end = work(store, claim, stop.signal).finally(() => ending.delete(end));
      ending.add(end);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await claiming;
      await Promise.all(ending);
    },
  };
}

async function work(store: JobStore, { job, lease }: Claim, signal: AbortSignal): Promise<void> {
  const { seconds = "0", fails } = job.metadata ?? {};
  const until = systemClock.uptime() + Number(seconds) * 1000;
  try {
    while (systemClock.uptime() < until && !signal.aborted) {
      const events = [{ type: "claude.said", data: { text: "On my way." } }] as const;
      const { cancel } = await store.renew(lease, { leaseMs: 60_000, events });
      if (cancel) return void (await store.finish(lease, { status: "cancelled", patch: {} }));
      await systemClock.sleep(sayMs, signal);
    }
    const failure = { error_code: "claude_failed", error: "It was to fail.", remedy: "None." } as const;
    await store.finish(
      lease,
      fails === "true" ? { status: "failed", patch: failure } : { status: "succeeded", patch: { output: "Done." } },
    );
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
  }
}
