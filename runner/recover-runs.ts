import { LeaseLost } from "../shared/error.ts";
import { readClaimNotes, removeClaimNote } from "./process/claim-note.ts";
import { stateOf } from "./process/instance.ts";
import { recoverRunFiles } from "./process/recover.ts";
import { removeRunFile } from "./process/run-file.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { removeTmp } from "./tmp-folder.ts";

type Deps = Pick<RunnerDeps, "store" | "clock" | "log" | "places" | "identity" | "tmpRoot" | "times">;

/**
 * Gives back at once what runners that died on this box had begun, so that nobody waits for their leases (jobs.md 3).
 * What still lives of it is ended first. A job whose lease somebody else has by now is left to them.
 */
export async function recoverRuns(deps: Deps): Promise<void> {
  const { store, clock, log, places, identity, tmpRoot } = deps;
  const { ended, left, broken } = await recoverRunFiles(places.runs, identity, clock);
  for (const { file, why } of left)
    log.warn("an attempt of a lost runner is left to its lease", { job: file.job, why });
  for (const name of broken) log.warn("a run file cannot be read", { name });
  for (const { file } of ended) {
    const lease = { job: file.job, runner: file.holder ?? file.runner.instance, fence: file.fence };
    try {
      const job = await store.release(lease, { reason: "crashed" });
      log.info("gave back what a lost runner had begun", { job: file.job, status: job.status });
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
    }
    await removeTmp(tmpRoot, file).catch((error: unknown) =>
      log.warn("a temporary folder could not be removed", { job: file.job, error: String(error) }),
    );
    await removeRunFile(places.runs, file);
  }
  await recoverClaims(deps);
}

/**
 * What a runner had claimed and not begun when it died: nobody knows but the store, which says so to whoever asks with
 * the claim's id. Without pools such a claim takes nothing new. No start was lost by it.
 */
async function recoverClaims({ store, log, places, identity, times }: Deps): Promise<void> {
  for (const { claim_id: claimId, runner } of await readClaimNotes(places.runs)) {
    if (runner.instance === identity.instance || (await stateOf(places.runs, runner)) !== "dead") continue;
    const name = { runner: runner.instance, pod_name: runner.instance.replace(/\/[^/]*$/, "") };
    const claim = await store.claim({ claimId, ...name, pools: [], leaseMs: times.leaseMs });
    if (claim) {
      await store.release(claim.lease, { reason: "drained" });
      log.info("gave back what a lost runner had claimed", { job: claim.job.id });
    }
    await removeClaimNote(places.runs, claimId);
  }
}
