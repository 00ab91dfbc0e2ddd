import type { NewEvent } from "../shared/event.ts";
import { isWorkDone, type JobPatch } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { Claim } from "../shared/store.ts";
import type { Prepared } from "./git/prepare.ts";
import type { Worktree } from "./git/worktree.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { JobPlaces } from "./places.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { whyNoPullRequest } from "./why-no-pull-request.ts";
import { type Published, privateFolder, type Workplace } from "./workplace.ts";

type Opening = Readonly<{
  claim: Claim;
  keeper: LeaseKeeper;
  own: JobPlaces;
  /** The profile wants a pull request. */
  autoPr: boolean;
}>;
type Deps = Pick<RunnerDeps, "repos" | "clock" | "redact">;

/** Where this attempt works: the tree of the one before where it can be reached, else a new one. */
export async function openWork(
  { claim, keeper, own, autoPr }: Opening,
  deps: Deps,
  signal: AbortSignal,
): Promise<Workplace> {
  const { job, continues } = claim;
  if (job.repo_url === undefined) return await privateFolder(own.work, continues);
  const repoJob = { id: job.id, repoUrl: job.repo_url, baseRef: job.base_ref };
  const begun = deps.clock.uptime();
  const since = () => Math.round(deps.clock.uptime() - begun);
  const again = continues ? await deps.repos.reopenWorktree(repoJob, signal) : undefined;
  if (continues && !again && claim.messages.length === 0) {
    const published = await publishedWork({ claim, own, autoPr }, deps, signal);
    if (published) return published;
  }
  const tree = again ?? (await open());
  keeper.patch({ base_ref: tree.baseRef, branch: tree.branch, worktree_path: tree.path });
  const from = again ? "continued" : tree.fromPool ? "pool" : "new";
  keeper.emit({ type: "worktree.opened", data: { path: tree.path, branch: tree.branch, from, ms: since() } });
  return repositoryWork({ tree, claim, keeper, autoPr }, deps);

  async function open(): Promise<Worktree> {
    const prepared = await deps.repos.prepare(repoJob, signal);
    keeper.patch({ phase: "preparing", base_ref: prepared.baseRef });
    keeper.emit({ type: "repo.fetched", data: fetched(prepared, since()) });
    return await deps.repos.openWorktree(prepared, repoJob, signal);
  }
}

/**
 * Where an earlier attempt came as far as the push, on this box or another, and its tree is gone: nothing is left to do,
 * and nothing is done twice.
 */
async function publishedWork(
  { claim, own, autoPr }: Omit<Opening, "keeper">,
  { repos }: Deps,
  signal: AbortSignal,
): Promise<Workplace | undefined> {
  const { id, repo_url: repoUrl, branch, commit, base_ref: baseRef } = claim.job;
  if (!isWorkDone(claim.job) || !repoUrl || !branch || !commit || !baseRef) return undefined;
  if (!(await repos.hasPushed({ id, repoUrl, baseRef }, { branch, commit }, signal))) return undefined;
  const prError = autoPr ? whyNoPullRequest(parseRepoUrl(repoUrl), { branch, baseRef, isChanged: true }) : undefined;
  const told = await privateFolder(own.work, true);
  return {
    ...told,
    continued: true,
    publish: async () => ({ patch: prError ? { pr_error: prError } : {}, events: [], warnings: [] }),
  };
}

const fetched = ({ baseRef, baseSha, how }: Prepared, ms: number) => ({
  base_ref: baseRef,
  commit: baseSha,
  ms,
  warm: how !== "fetched",
});

function repositoryWork(
  { tree, claim, keeper, autoPr }: Omit<Opening, "own"> & Readonly<{ tree: Worktree }>,
  { repos }: Deps,
): Workplace {
  const { job } = claim;

  async function publish(prove: () => Promise<void>, signal: AbortSignal): Promise<Published> {
    const left = await repos.commitLeftovers(tree, leftoverMessage(job.task), signal);
    const summary = await repos.summarize(tree, signal);
    const { address } = tree.source;
    const prError = autoPr ? whyNoPullRequest(address, { ...tree, isChanged: summary !== undefined }) : undefined;
    if (!summary) return { patch: prError ? { pr_error: prError } : {}, events: [], warnings: left.warnings };
    const { commit, diff } = summary;
    const patch: JobPatch = { commit, diff };
    keeper.patch(patch);
    keeper.emit({ type: "work.committed", data: { commit, ...diff } });
    await prove();
    const pushed = await repos.push(tree, commit, signal);
    const data = { branch: pushed.branch, commit, remote: address.canonical };
    const events: NewEvent[] = [{ type: "branch.pushed", data }];
    if (!prError) return { patch, events, warnings: left.warnings };
    events.push({ type: "pr.failed", data: { code: prError.code, sentence: prError.sentence } });
    return { patch: { ...patch, pr_error: prError }, events, warnings: left.warnings };
  }
  return {
    path: tree.path,
    branch: tree.branch,
    identity: tree.identity,
    visible: [tree.mirror],
    readable: [tree.vaultObjects],
    continued: tree.reopened,
    warnings: tree.warnings,
    publish,
    close: (how) => repos.close(tree, how),
  };
}

/** The task's first line, as git's manual asks of a subject: about 50 characters, here at most 72. */
function leftoverMessage(task: string): string {
  const line = task.trim().split("\n", 1)[0] ?? "";
  const subject = line.length > 72 ? `${line.slice(0, 71)}…` : line;
  return `${subject}\n\nCommitted by Agenticore: the changes that the job left uncommitted.\n`;
}
