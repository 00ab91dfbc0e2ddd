import { backOff } from "../shared/clock.ts";
import { isStoreAway, LeaseLost } from "../shared/error.ts";
import type { Job } from "../shared/job.ts";
import type { Log } from "../shared/log.ts";
import type { Claim } from "../shared/store.ts";
import type { Conclusion } from "./conclude.ts";
import { type EndingFile, removeEnding, writeEnding } from "./ending-file.ts";
import type { Leftover } from "./keep-lease.ts";
import { removeRunFile } from "./process/run-file.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { tellEnding } from "./tell-ending.ts";

/** A runner that is told to stop at once gives the store this much time to come back; a later runner has the file. */
const goodbyeMs = 5_000;

type Attempt = Readonly<{
  claim: Claim;
  /** Puts away what the attempt worked with; after it the work cannot be gone on with here. */
  tidy: () => Promise<void>;
  /** What the lease's keeper had not written yet. */
  left: Leftover;
  log: Log;
  /** The runner stops hard. */
  stop: AbortSignal;
}>;
type Deps = Pick<RunnerDeps, "store" | "clock" | "times" | "places" | "identity">;

/**
 * Tells the store how the attempt ended, as long as it takes: a late word is taken as long as nobody has taken the job
 * over. The end is on the disk before the tree is put away and before the first try, and only then the run file goes, so
 * that exactly one of them speaks for the attempt: a runner that is killed in between repeats no work that is done.
 * @returns the job as the store has it since; undefined where the lease was lost, or the store could not be told.
 */
export async function reportEnd(
  conclusion: Conclusion,
  { claim, tidy, left, log, stop }: Attempt,
  deps: Deps,
): Promise<Job | undefined> {
  const { store, clock, times, places, identity } = deps;
  const { lease } = claim;
  const end = wholeEnd(conclusion, left);
  const file: EndingFile = { lease, runner: identity, at: clock.now(), leaseMs: times.leaseMs, end };
  const isKept = await writeEnding(places.endings, file).then(
    () => true,
    (error: unknown) => {
      log.warn("the end could not be written to the disk", { error: String(error) });
      return false;
    },
  );
  await tidy().catch((error: unknown) => log.warn("the attempt could not be tidied up", { error: String(error) }));
  if (isKept) await removeRunFile(places.runs, lease);
  const answer = await told();
  if (!answer) {
    log.warn("the end could not be told: the next runner here does what is left");
    return undefined;
  }
  await removeRunFile(places.runs, lease);
  if (isKept) await removeEnding(places.endings, lease);
  return answer.job;

  /** The store's answer, if it has given one that holds. */
  async function told(): Promise<Readonly<{ job?: Job }> | undefined> {
    const giveUpAt = clock.uptime() + times.leaseMs;
    let leaveAt = Number.POSITIVE_INFINITY;
    for (let tries = 0; ; tries += 1) {
      try {
        const job = await tellEnding(store, file, clock.now());
        log.info("attempt over", { status: job.status, error_code: job.error_code });
        return { job };
      } catch (error) {
        if (error instanceof LeaseLost) {
          log.warn("the lease was lost: nothing is reported");
          return {};
        }
        const now = clock.uptime();
        if (!isStoreAway(error) && now > giveUpAt) throw error;
        if (stop.aborted) leaveAt = Math.min(leaveAt, isKept ? now + goodbyeMs : giveUpAt);
        if (now >= leaveAt) return undefined;
        log.warn("the end could not be written", { error: String(error) });
      }
      const pauseMs = backOff(tries, { baseMs: 250, capMs: times.urgentMs });
      await clock.sleep(pauseMs, stop.aborted ? undefined : stop);
    }
  }
}

function wholeEnd(conclusion: Conclusion, { patch, events, firstEvent }: Leftover): EndingFile["end"] {
  const told = "finish" in conclusion ? conclusion.finish : conclusion.release;
  const all = { firstEvent, events: [...events, ...(told.events ?? [])], patch: { ...patch, ...told.patch } };
  return "finish" in conclusion
    ? { finish: { ...conclusion.finish, ...all } }
    : { release: { ...conclusion.release, ...all } };
}
