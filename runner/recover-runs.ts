import { join } from "node:path";
import { backOff, jittered } from "../shared/clock.ts";
import { isStoreAway, LeaseLost } from "../shared/error.ts";
import { type EndingFile, readEndings, removeEnding } from "./ending-file.ts";
import { type ClaimNote, readClaimNotes, removeClaimNote } from "./process/claim-note.ts";
import { stateOf } from "./process/instance.ts";
import { recoverRunFiles } from "./process/recover.ts";
import { type RunFile, removeRunFile } from "./process/run-file.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { tellEnding } from "./tell-ending.ts";
import { removeTmp } from "./tmp-folder.ts";

type Deps = Pick<
  RunnerDeps,
  "store" | "clock" | "log" | "random" | "places" | "identity" | "tmpRoot" | "times" | "telemetry"
>;
/** What is to be told to the store of one attempt that nobody runs any more. */
type Debt = () => Promise<void>;

/**
 * Ends at once what runners that died on this box had begun, so that nobody waits for their leases (jobs.md 3): an attempt
 * whose end is on the disk ends so, any other is given back. What still lives of it is ended first. A job whose lease
 * somebody else has by now is left to them. What the store cannot be told now is told later, until `stop` aborts.
 * @returns once all was tried; `rest` resolves when there is nothing left to tell, or on `stop`.
 */
export async function recoverRuns(deps: Deps, stop: AbortSignal): Promise<Readonly<{ rest: Promise<void> }>> {
  const debts = await findDebts(deps);
  const left = await pay(debts, deps);
  return { rest: payRest(left, deps, stop) };
}

async function findDebts(deps: Deps): Promise<readonly Debt[]> {
  const { clock, log, places, identity } = deps;
  const { ended, left, broken } = await recoverRunFiles(places.runs, identity, clock);
  for (const { file, why } of left)
    log.warn("an attempt of a lost runner is left to its lease", { job: file.job, why });
  for (const name of broken) log.warn("a run file cannot be read", { name });
  const endings = await lostEndings(deps);
  const isTold = (file: RunFile) => endings.some(({ lease }) => lease.job === file.job && lease.fence === file.fence);
  const claims = await lostClaims(deps);
  return [
    ...endings.map((file) => () => tellEnd(file, deps)),
    ...ended.map(
      ({ file }) =>
        () =>
          isTold(file) ? forget(file, deps) : giveBack(file, deps),
    ),
    ...claims.map((note) => () => giveClaimBack(note, deps)),
  ];
}

/** In order, up to the first that finds the store away. @returns those that are left. */
async function pay(debts: readonly Debt[], { log }: Deps): Promise<readonly Debt[]> {
  for (const [index, debt] of debts.entries()) {
    try {
      await debt();
    } catch (error) {
      if (isStoreAway(error)) return debts.slice(index);
      log.error("what a lost runner had begun could not be told: the next start tries again", { error: String(error) });
    }
  }
  return [];
}

async function payRest(debts: readonly Debt[], deps: Deps, stop: AbortSignal): Promise<void> {
  const { clock, log, random, times } = deps;
  if (debts.length > 0)
    log.warn("the store is away: what lost runners had begun is told later", { left: debts.length });
  let left = debts;
  for (let tries = 0; left.length > 0 && !stop.aborted; tries += 1) {
    await clock.sleep(jittered(backOff(tries, { baseMs: 250, capMs: times.urgentMs }), random), stop);
    if (!stop.aborted) left = await pay(left, deps);
  }
}

/** Of runners that are gone; who lives tells its own. Told twice, an end changes nothing twice. */
async function lostEndings({ places, identity, log }: Deps): Promise<readonly EndingFile[]> {
  const { files, broken } = await readEndings(places.endings);
  for (const path of broken) log.error("the end of an attempt cannot be read and was set aside", { path });
  const states = await Promise.all(files.map(({ runner }) => stateOf(places.runs, runner)));
  return files.filter((file, index) => file.runner.instance !== identity.instance && states[index] !== "alive");
}

async function tellEnd(file: EndingFile, { store, clock, log, places, telemetry }: Deps): Promise<void> {
  const { lease } = file;
  try {
    const job = await tellEnding(store, file, clock.now());
    log.info("told how an attempt of a lost runner had ended", { job: lease.job, status: job.status });
    telemetry.ended(job);
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
    log.warn("an attempt of a lost runner had ended, and its lease was lost", { job: lease.job });
    telemetry.ended(await store.get(lease.job));
  }
  await removeEnding(places.endings, lease);
}

async function giveBack(file: RunFile, deps: Deps): Promise<void> {
  const lease = { job: file.job, runner: file.holder ?? file.runner.instance, fence: file.fence };
  try {
    const job = await deps.store.release(lease, { reason: "crashed" });
    deps.log.info("gave back what a lost runner had begun", { job: file.job, status: job.status });
    const last = job.attempts.at(-1);
    const configDir = join(deps.places.runs, job.id, "claude");
    if (last)
      await deps.telemetry.said({
        ...{ job, attempt: last.number, configDir, sessionId: job.session_id, sinceMs: Date.parse(last.started_at) },
      });
    deps.telemetry.ended(job);
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
    deps.telemetry.ended(await deps.store.get(file.job));
  }
  await forget(file, deps);
}

async function forget(file: RunFile, { log, places, tmpRoot }: Deps): Promise<void> {
  await removeTmp(tmpRoot, file).catch((error: unknown) =>
    log.warn("a temporary folder could not be removed", { job: file.job, error: String(error) }),
  );
  await removeRunFile(places.runs, file);
}

async function lostClaims({ places, identity }: Deps): Promise<readonly ClaimNote[]> {
  const lost: ClaimNote[] = [];
  for (const note of await readClaimNotes(places.runs))
    if (note.runner.instance !== identity.instance && (await stateOf(places.runs, note.runner)) === "dead")
      lost.push(note);
  return lost;
}

/**
 * What a runner had claimed and not begun when it died: nobody knows but the store, which says so to whoever asks with
 * the claim's id. Without pools such a claim takes nothing new. No start was lost by it.
 */
async function giveClaimBack({ claim_id: claimId, runner }: ClaimNote, deps: Deps): Promise<void> {
  const { store, log, places, times } = deps;
  const name = { runner: runner.instance, pod_name: runner.instance.replace(/\/[^/]*$/, "") };
  const claim = await store.claim({ claimId, ...name, pools: [], leaseMs: times.leaseMs });
  if (claim) {
    await store.release(claim.lease, { reason: "drained" });
    log.info("gave back what a lost runner had claimed", { job: claim.job.id });
  }
  await removeClaimNote(places.runs, claimId);
}
