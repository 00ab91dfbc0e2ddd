import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "../../shared/job.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";
import { openBox } from "../box/open-box.ts";
import { toolEnvironment } from "../claude/environment.ts";
import type { LeaseKeeper } from "../keep-lease.ts";
import type { JobPlaces } from "../places.ts";
import type { TreePlan } from "../process/spawn-warden.ts";
import type { LoadedProfile } from "../profile/extend.ts";
import type { RunnerDeps } from "../runner-deps.ts";
import type { Workplace } from "../workplace.ts";
import { cacheKey, doneKey, keep, seed } from "./cache.ts";
import { findSetup } from "./find-setup.ts";
import { includeFiles } from "./include-files.ts";
import { kindInside } from "./inside.ts";
import { notePlaced, nothingPlaced, type Placed, readPlaced } from "./placed.ts";
import { runSetup } from "./run-setup.ts";

type Order = Readonly<{
  job: Job;
  profile: LoadedProfile;
  work: Workplace;
  own: JobPlaces;
  keeper: LeaseKeeper;
  signal: AbortSignal;
  /** How the command is held together, and what it sees. */
  tree: Omit<TreePlan, "argv" | "env" | "until">;
  /** Whoever finds this attempt after a crash must look for the command's warden in `tree.runDir` while this runs. */
  announced: (act: () => Promise<void>) => Promise<void>;
}>;

/**
 * Makes a worktree ready before Claude sees it: the person's own files that `.worktreeinclude` names, then the set-up of
 * the profile or the repository, or the folders that it made before.
 * @returns sentences for the job.
 * @throws AppError `setup_failed`, LeaseLost.
 */
export async function readyTree(order: Order, deps: RunnerDeps): Promise<readonly string[]> {
  const { job, profile, work, own } = order;
  const before = work.here ? await readPlaced(own.run) : (work.before ?? nothingPlaced);
  const address = job.repo_url === undefined ? undefined : parseRepoUrl(job.repo_url);
  let placed: Placed = before;
  const note = async (more: Partial<Placed>) => {
    placed = { ...placed, ...more };
    await notePlaced(own.run, placed);
  };
  await Promise.all([own.run, own.tmp].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  await note({});
  const included =
    address?.scheme === "local"
      ? await includeFiles(address.path, work.path, (files, contents) =>
          note({
            files: [...new Set([...placed.files, ...files])],
            contents: [...new Set([...(placed.contents ?? []), ...contents])],
          }),
        )
      : { warnings: [] };
  const { setup, warnings } = await findSetup(profile.profile, {
    worktree: work.path,
    trusted: deps.config.trustedRepos,
    ...(job.repo_url === undefined ? {} : { url: job.repo_url }),
  });
  const told = [...included.warnings, ...warnings];
  if (setup === undefined) return told;
  const env = toolEnvironment({
    surroundings: deps.surroundings,
    packageRoot: deps.packageRoot,
    profileEnv: profile.profile.env,
    jobId: job.id,
    tmpDir: own.tmp,
  });
  const scope = [address?.canonical ?? "", work.baseRef ?? ""];
  const facts = { setup, worktree: work.path, scope, variables: profile.profile.env };
  const key = address === undefined ? undefined : await cacheKey(facts);
  const name = doneKey(facts);
  if (before.done === name) return told; // by an earlier attempt or job in this very tree
  // What was cut off, or done for another set-up, begins anew, as in a fresh tree.
  for (const path of placed.made ?? [])
    if (await kindInside(work.path, path)) await rm(join(work.path, path), { recursive: true, force: true });
  const there = await Promise.all(setup.outputs.map((path) => kindInside(work.path, path)));
  const made = setup.outputs.filter((_, at) => there[at] === undefined);
  await note({ folders: [...new Set([...placed.folders, ...setup.outputs])], made });
  const cache = join(deps.places.data, "setups");
  const begun = deps.clock.uptime();
  const seeded = key !== undefined && (await seed(cache, key, facts));
  if (!seeded) {
    const { keeper, signal } = order;
    const argv = ["/bin/bash", "--norc", "--noprofile", "-c", setup.command] as [string, ...string[]];
    const tree = { ...order.tree, argv, env };
    const { sandbox } = profile.profile;
    const path = deps.surroundings["PATH"] ?? "";
    await using box = await openBox({ profile: { sandbox, network: "on" }, tree, path, needs: [], brokered: false });
    await order.announced(() => runSetup({ setup, tree: { ...tree, ...box }, keeper, signal }, deps));
    if (key !== undefined && !(await keep(cache, key, facts)))
      deps.log.warn("what the set-up made is not kept", { job: job.id, outputs: setup.outputs });
  }
  await note({ done: name });
  deps.log.info("set-up done", { job: job.id, seeded, ms: Math.round(deps.clock.uptime() - begun) });
  return told;
}
