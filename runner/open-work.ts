import { AppError } from "../shared/error.ts";
import { isWorkDone, type JobPatch } from "../shared/job.ts";
import type { Profile } from "../shared/profile.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { Claim } from "../shared/store.ts";
import { placedTogether } from "./git/placed.ts";
import type { Prepared } from "./git/prepare.ts";
import type { Worktree } from "./git/worktree.ts";
import { type Checkpoints, dropCheckpoints, keepCheckpoints } from "./keep-checkpoints.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { JobPlaces } from "./places.ts";
import { openPrepared } from "./prepared-work.ts";
import { propose } from "./propose.ts";
import { pushWork } from "./push-work.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { readPlaced } from "./setup/placed.ts";
import { type Publication, type Published, privateFolder, type Workplace } from "./workplace.ts";

type Opening = Readonly<{
  claim: Claim;
  keeper: LeaseKeeper;
  own: JobPlaces;
  /** The pull request that the profile wants; undefined: none. */
  pr: Profile["pr"] | undefined;
  checkpoints: Profile["checkpoints"];
}>;
type Deps = Pick<RunnerDeps, "repos" | "store" | "clock" | "times" | "redact" | "github" | "log" | "config">;

/** Where this attempt works: the tree of the one before where it can be reached, else a new one. */
export async function openWork(
  { claim, keeper, own, pr, checkpoints }: Opening,
  deps: Deps,
  signal: AbortSignal,
): Promise<Workplace> {
  const { job, continues } = claim;
  if (job.worktree_id !== undefined) {
    const { tree, around } = await openPrepared({ claim, keeper, own }, deps, signal);
    if (job.publish_only && !tree.done) throw nothingLeft(job);
    const begun = { tree, here: tree.reopened, holdsWork: tree.done };
    return around(repositoryWork({ ...begun, claim, keeper, own, pr, checkpoints: "none" }, deps));
  }
  if (job.repo_url === undefined) return await privateFolder(own, continues);
  const repoJob = { id: job.id, repoUrl: job.repo_url, baseRef: job.base_ref, branch: job.branch, commit: job.commit };
  const begun = deps.clock.uptime();
  const since = () => Math.round(deps.clock.uptime() - begun);
  const kept = continues ? await deps.repos.reopenWorktree(repoJob, signal) : undefined;
  const again = kept && isNewest(kept, job) ? kept : undefined;
  if (kept && !again) await deps.repos.close(kept, "discard");
  if (continues && !again && claim.messages.length === 0) {
    const published = await publishedWork({ claim, own, pr, checkpoints }, deps, signal);
    if (published) return published;
  }
  let holdsWork = again?.done ?? false;
  const tree = again ?? (await open());
  if (job.publish_only && !holdsWork) throw nothingLeft(job);
  keeper.patch({ base_ref: tree.baseRef, branch: tree.branch, worktree_path: tree.path });
  const from = tree.reopened ? "continued" : tree.fromPool ? "pool" : "new";
  keeper.emit({ type: "worktree.opened", data: { path: tree.path, branch: tree.branch, from, ms: since() } });
  return repositoryWork({ tree, here: again !== undefined, holdsWork, claim, keeper, own, pr, checkpoints }, deps);

  async function open(): Promise<Worktree> {
    const prepared = await deps.repos.prepare(continues ? { ...repoJob, checkpoints } : repoJob, signal);
    holdsWork = prepared.goesOn?.whole ?? false;
    if (job.publish_only && !holdsWork) throw nothingLeft(job);
    keeper.patch({ phase: "preparing", base_ref: prepared.baseRef });
    keeper.emit({ type: "repo.fetched", data: fetched(prepared, since()) });
    return await deps.repos.openWorktree(prepared, repoJob, signal);
  }
}

/**
 * Whether nobody came further than this tree of an earlier attempt: another box may have had the job since, and what was
 * finished or pushed there is not here.
 */
const isNewest = ({ done, pushed, commits }: Worktree, job: Claim["job"]): boolean =>
  job.commit === undefined ? done || !isWorkDone(job) : pushed === job.commit || commits.includes(job.commit);

/**
 * Where an earlier attempt came as far as the push, on this box or another, and its tree is gone: nothing is left to do
 * but the pull request, and nothing is done twice.
 */
async function publishedWork(
  { claim, own, pr, checkpoints }: Omit<Opening, "keeper">,
  { repos, github, clock, log }: Deps,
  signal: AbortSignal,
): Promise<Workplace | undefined> {
  const { id, repo_url: repoUrl, branch, commit, base_ref: baseRef } = claim.job;
  if (!isWorkDone(claim.job) || !repoUrl || !branch || !commit || !baseRef) return undefined;
  if (!(await repos.hasPushed({ id, repoUrl, baseRef }, { branch, commit }, signal))) return undefined;
  const address = parseRepoUrl(repoUrl);
  const tree = await repos.placeOf({ id, repoUrl });
  return {
    dropCheckpoints: () => dropCheckpoints({ tree, remote: checkpoints === "push" }, { repos, clock, log }),
    ...(await privateFolder(own, true)),
    ...{ continued: true, here: false, holdsWork: true },
    publish: (publication) =>
      propose({ address, branch, baseRef, commit, job: publication.job }, { github, pr }, publication),
  };
}

const nothingLeft = ({ id, pod_name }: Claim["job"]): AppError =>
  new AppError(
    "pr_failed",
    `Nothing of job ${id} is here to publish: its branch is not at the repository, nor its tree on this box.`,
    {
      remedy: `Retry the job: Claude does the work again.${pod_name === undefined ? "" : ` (This was tried on ${pod_name}.)`}`,
    },
  );

/** What the log says of a fetch. */
export const fetched = ({ baseRef, baseSha, how }: Prepared, ms: number) => ({
  base_ref: baseRef,
  commit: baseSha,
  ms,
  warm: how !== "fetched",
});

type Begun = Pick<Workplace, "here" | "holdsWork"> & Readonly<{ tree: Worktree }>;

function repositoryWork(
  { tree: opened, here, holdsWork, claim, keeper, own, pr, checkpoints }: Opening & Begun,
  { repos, github, clock, log, config }: Deps,
): Workplace {
  // One git at a time is on it.
  let longer = (_: number): void => undefined;
  keeper.onGrant(({ hardAt }) => longer(hardAt));
  const onLonger = (listener: typeof longer) => {
    longer = listener;
  };
  const leash = { until: () => keeper.grant().hardAt, onLonger };
  /** With what was placed for this job, and for those before it in a prepared tree. */
  const treeNow = async (): Promise<Worktree> => ({
    ...opened,
    placed: placedTogether(opened.placed, await readPlaced(own.run)),
  });
  async function publish(publication: Publication): Promise<Published> {
    const { prove, signal } = publication;
    const tree = await treeNow();
    const left = await repos.commitLeftovers(tree, leftoverMessage(claim.job.task), signal);
    const summary = await repos.summarize(tree, signal);
    const work = { address: tree.source.address, branch: tree.branch, baseRef: tree.baseRef, commit: summary?.commit };
    let patch: JobPatch = summary ?? {};
    if (summary) {
      const { commit, diff } = summary;
      await repos.noteCommit(tree, commit); // before anybody is told
      keeper.patch(patch);
      keeper.emit({ type: "work.committed", data: { commit, ...diff } });
      const pushing = { tree, commit, earlier: claim.job.commit, keeper, prove };
      const { branch } = await pushWork(pushing, { repos, clock }, signal);
      patch = { ...patch, branch };
      keeper.emit({ type: "branch.pushed", data: { branch, commit, remote: work.address.canonical } });
    }
    const warnings = [...(publication.job.warnings ?? []), ...left.warnings];
    const job = { ...publication.job, ...patch, warnings };
    const proposed = await propose({ ...work, job }, { github, pr }, publication);
    return {
      patch: { ...patch, ...proposed.patch },
      events: proposed.events,
      warnings: [...left.warnings, ...proposed.warnings],
    };
  }
  return {
    path: opened.path,
    branch: opened.branch,
    baseRef: opened.baseRef,
    identity: opened.identity,
    visible: [opened.mirror],
    readable: [opened.vaultObjects],
    continued: opened.reopened,
    here,
    holdsWork,
    warnings: opened.warnings,
    ...(holdsWork && opened.ended ? { ended: opened.ended } : {}),
    noteDone: (ended) => repos.noteDone(opened, ended),
    publish,
    close: (how) => repos.close(opened, how),
    ...(checkpoints === "none" ? {} : checkpointing()),
  };

  function checkpointing(): Pick<Workplace, "keepCheckpoints" | "dropCheckpoints"> {
    const order = { tree: treeNow, wanted: checkpoints, leash, everyMs: config.checkpointSeconds * 1_000 };
    let kept: Checkpoints | undefined;
    return {
      keepCheckpoints: (asked) => {
        kept = keepCheckpoints({ ...order, ...asked }, { repos, clock, log });
        return kept;
      },
      dropCheckpoints: () => {
        const remote = checkpoints === "push" && (claim.continues || (kept?.hasPushed() ?? false));
        return dropCheckpoints({ tree: opened, remote }, { repos, clock, log });
      },
    };
  }
}

/** The task's first line, as git's manual asks of a subject: about 50 characters, here at most 72. */
function leftoverMessage(task: string): string {
  const line = task.trim().split("\n", 1)[0] ?? "";
  const subject = line.length > 72 ? `${line.slice(0, 71)}…` : line;
  return `${subject}\n\nCommitted by Agenticore: the changes that the job left uncommitted.\n`;
}
