import { join } from "node:path";
import type { Claim } from "../shared/store.ts";
import type { Held } from "./keep-lease.ts";
import type { JobPlaces } from "./places.ts";
import { removeClaimNote } from "./process/claim-note.ts";
import { writeRunFile } from "./process/run-file.ts";
import type { TreePlan } from "./process/spawn-warden.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import type { Workplace } from "./workplace.ts";

/** Of this attempt alone: what Claude prints, and what its warden writes. */
export const runDirOf = ({ run }: JobPlaces, { lease }: Claim): string => join(run, `attempt-${lease.fence}`);

/** How processes of this attempt are held together, and what they see. */
export const treeOf = (
  { claim, own }: Readonly<{ claim: Claim; own: JobPlaces }>,
  { path, visible, readable }: Workplace,
  { sandbox, places, config }: RunnerDeps,
): Omit<TreePlan, "argv" | "env" | "until"> => ({
  ...{ job: claim.job.id, fence: claim.lease.fence, cwd: path, runDir: runDirOf(own, claim), tmp: own.tmp, sandbox },
  ...{ visible, readable },
  // All that is not this job's: a shared folder too, whose other contents are other jobs'.
  hidden: [
    ...[places.data, places.repos, places.worktrees, config.jobsDir],
    ...(config.sharedFsRoot === undefined ? [] : [config.sharedFsRoot]),
  ],
});

/** Where the person's login is refreshed in place, should it lie in a folder that jobs do not see. */
export const loginFolder = (env: Readonly<Record<string, string>>): string[] =>
  env["CLAUDE_SECURESTORAGE_CONFIG_DIR"] === undefined ? [] : [env["CLAUDE_SECURESTORAGE_CONFIG_DIR"]];

/** For whoever finds this attempt after a crash: where its warden writes. */
const noteRun = ({ job, lease }: Claim, run_dir: string, { places, identity }: RunnerDeps): Promise<void> =>
  writeRunFile(places.runs, {
    ...{ job: job.id, fence: lease.fence, runner: identity, run_dir },
    ...{ pid: null, start_time: null, worktree_path: null, session_id: job.session_id ?? null },
  });

/** From here on the note of the attempt speaks for the claim. */
export async function noteStart(
  { claim, claimId }: Pick<Held, "claim" | "claimId">,
  run_dir: string,
  deps: RunnerDeps,
): Promise<void> {
  await noteRun(claim, run_dir, deps);
  await removeClaimNote(deps.places.runs, claimId);
}

/** Runs something under a warden of its own, which whoever finds this attempt after a crash finds meanwhile. */
export async function announce(
  claim: Claim,
  { of, after, act }: Readonly<{ of: string; after: string; act: () => Promise<void> }>,
  deps: RunnerDeps,
): Promise<void> {
  await noteRun(claim, of, deps);
  try {
    await act();
  } finally {
    await noteRun(claim, after, deps);
  }
}
