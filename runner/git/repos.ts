import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { JobPatch } from "../../shared/job.ts";
import { keepCheckpoint } from "./checkpoint.ts";
import { isPublic, pushCheckpoint, remoteCheckpoint, type StateChange } from "./checkpoint-refs.ts";
import { discardTree, dropCheckpoint } from "./discard-tree.ts";
import { commitLeftovers, type LeftoverCommit } from "./leftovers.ts";
import { type Placed, placedTogether } from "./placed.ts";
import { putIntoPool } from "./pool.ts";
import { type Prepared, prepare, type RepoJob, sourceOf } from "./prepare.ts";
import { type Push, type Pushed, pushBranch } from "./push.ts";
import { findBranch } from "./remote-refs.ts";
import { reopenWorktree } from "./reopen.ts";
import { type Counters, makeRepoBox, type RepoBox, type RepoOptions } from "./repo-box.ts";
import { removeStaleLogins } from "./stale-logins.ts";
import { type Summary, summarize } from "./summary.ts";
import { type Sweep, sweep } from "./sweep.ts";
import { isUnpushed, listTrees, removeTree, type TreeInfo } from "./tree-list.ts";
import { findOwnRecord, findRecord, type TreeRecord, writeRecord } from "./tree-record.ts";
import { openWorktree, type Worktree } from "./worktree.ts";

type OfJob = Pick<Worktree, "source" | "jobId">;

/**
 * Repositories and worktrees of one machine (jobs.md 5). Order for a job: prepare, openWorktree (or
 * reopenWorktree for a later attempt), the agent works, commitLeftovers, summarize, push, close.
 */
export interface Repos extends AsyncDisposable {
  /** Finds out what the base ref is now and brings that commit here. */
  prepare(job: RepoJob, signal: AbortSignal): Promise<Prepared>;
  /** A worktree of the prepared commit on a branch of the job's own; warm where there is one. */
  openWorktree(prepared: Prepared, job: RepoJob, signal: AbortSignal): Promise<Worktree>;
  /** The tree of an earlier attempt as it was left; undefined when the job has to start clean. */
  reopenWorktree(job: RepoJob, signal: AbortSignal): Promise<Worktree | undefined>;
  /** All that the job's Claude did is in this tree, and so it has ended well; undefined: it begins again. */
  noteDone(tree: Worktree, ended: JobPatch | undefined): Promise<void>;
  /** This commit is about to be told of as the job's. */
  noteCommit(tree: Worktree, commit: string): Promise<void>;
  /** Commits what the agent left uncommitted. Only when no process of the job lives. */
  commitLeftovers(tree: Worktree, message: string, signal: AbortSignal): Promise<LeftoverCommit>;
  /** Head commit and difference from the base; undefined when nothing was committed. */
  summarize(tree: Worktree, signal: AbortSignal): Promise<Summary | undefined>;
  /** Keeps the state of a tree in which an agent may be at work, beside it; the same state is the same commit. */
  keepCheckpoint(tree: Worktree, signal: AbortSignal): Promise<string | undefined>;
  /** What the repository has of such states of this job. */
  findCheckpoint(tree: OfJob, signal: AbortSignal): Promise<string | undefined>;
  /** Gives it one, or takes it away; false where another one is there than was expected. */
  pushCheckpoint(tree: OfJob, change: StateChange, signal: AbortSignal): Promise<boolean>;
  /** Takes away what is kept of a job's states here. */
  dropCheckpoint(tree: OfJob): Promise<void>;
  /** For these, where there is no tree. */
  placeOf(job: RepoJob): Promise<OfJob>;
  /** Whether anybody can read the repository, as far as can be told. */
  isPublic(tree: Worktree, signal: AbortSignal): Promise<boolean>;
  /** Gives the repository this commit as the job's branch. The same again is fine. */
  push(tree: Worktree, push: Push, signal: AbortSignal): Promise<Pushed>;
  /** Whether the repository has that commit on that branch, now: an earlier attempt got as far. */
  hasPushed(job: RepoJob, pushed: Readonly<{ branch: string; commit: string }>, signal: AbortSignal): Promise<boolean>;
  /**
   * `reuse`: into the pool where it may go there, else away; `keep`: for a later attempt or a look at it. Nothing happens
   * where a later attempt has opened the tree again.
   */
  close(tree: Worktree, end: "reuse" | "discard" | "keep"): Promise<void>;
  /** Keeps it for later jobs, which reopen it by the id that it was made with; only `removeTree` takes it away. */
  keepPrepared(tree: Worktree): Promise<void>;
  /** Such a tree as that job finds it: with what an earlier attempt of it has done, or as new, `before` that of another job. */
  usePrepared(tree: Worktree, jobId: string): Promise<Worktree & Readonly<{ before?: string }>>;
  /** Adds to what was put beside the work in a prepared tree. */
  notePlaced(tree: Worktree, placed: Placed): Promise<void>;
  /** Whether that tree has work that the repository has not; undefined where there is none. Only when nobody works in it. */
  isUnpushed(jobId: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Canonical addresses of repositories whose mirror is here, as jobs named them; most recently used first. */
  warm(): readonly string[];
  listTrees(): Promise<readonly TreeInfo[]>;
  /** Takes a tree away by its job. False when there is none. */
  removeTree(jobId: string): Promise<boolean>;
  /** Takes away what cut-off starts, old pools and ended jobs left, and tidies. Now and then; never a job's tree, nor anything of a live job's. */
  sweep(order?: Partial<Sweep>): Promise<void>;
  readonly counters: Readonly<Counters>;
}

/** Opens the folders, and deletes what an earlier process meant to delete. Disposing waits for deletions. */
export async function openRepos(options: RepoOptions): Promise<Repos> {
  const box = await makeRepoBox(options);
  await emptyTrash(box);
  await removeStaleLogins(box);
  return {
    prepare: (job, signal) => prepare(box, job, signal),
    openWorktree: (prepared, job, signal) => openWorktree(box, { prepared, job }, signal),
    reopenWorktree: (job, signal) => reopenWorktree(box, job, signal),
    noteDone: (tree, ended) =>
      note(tree, ({ ended: _, ...rest }) => ({ ...rest, done: ended !== undefined, ...(ended && { ended }) })),
    noteCommit: (tree, commit) =>
      note(tree, ({ commits = [], ...rest }) => ({ ...rest, commits: [...new Set([...commits, commit])] })),
    commitLeftovers: (tree, message, signal) => commitLeftovers(box, { tree, message }, signal),
    summarize: (tree, signal) => summarize(box, tree, signal),
    keepCheckpoint: (tree, signal) => keepCheckpoint(box, tree, signal),
    findCheckpoint: ({ source, jobId }, signal) => remoteCheckpoint(box, source, { jobId, signal }),
    pushCheckpoint: ({ source, jobId }, change, signal) => pushCheckpoint(box, source, { ...change, jobId, signal }),
    dropCheckpoint: ({ source, jobId }) => dropCheckpoint(box, source.place, jobId),
    placeOf: async (job) => ({ source: await sourceOf(box, job.repoUrl), jobId: job.id }),
    isPublic: ({ source }, signal) => isPublic(box, source, signal),
    push: (tree, push, signal) => pushBranch(box, { tree, ...push }, signal),
    hasPushed: async (job, { branch, commit }, signal) =>
      (await findBranch(box, await sourceOf(box, job.repoUrl), { branch, signal })) === commit,
    close: (tree, end) => closeTree(box, tree, end),
    keepPrepared: (tree) => note(tree, (record) => ({ ...record, state: "kept", prepared: true })),
    usePrepared: async ({ ended, ...tree }, jobId) => {
      const { user } = (await findRecord(tree.source.place.trees, tree.jobId)) ?? {};
      if (user === jobId) return { ...tree, ...(ended && { ended }) };
      await note(tree, ({ ended: _, ...rest }) => ({ ...rest, user: jobId, done: false }));
      return { ...tree, reopened: false, done: false, ...(user === undefined ? {} : { before: user }) };
    },
    notePlaced: (tree, more) => note(tree, (record) => ({ ...record, placed: placedTogether(record.placed, more) })),
    isUnpushed: (jobId, signal) => isUnpushed(box, jobId, signal),
    warm: box.warm.list,
    listTrees: () => listTrees(box),
    removeTree: (jobId) => removeTree(box, jobId),
    sweep: ({ isLive = async () => false, signal = new AbortController().signal } = {}) =>
      sweep(box, { isLive, signal }),
    counters: box.counters,
    [Symbol.asyncDispose]: () => box.trash.settled(),
  };
}

async function note(tree: Worktree, change: (record: TreeRecord) => TreeRecord): Promise<void> {
  const { trees } = tree.source.place;
  const record = await findOwnRecord(trees, tree);
  if (record !== undefined) await writeRecord(trees, tree.jobId, change(record));
}

async function closeTree(box: RepoBox, tree: Worktree, end: "reuse" | "discard" | "keep"): Promise<void> {
  const { place } = tree.source;
  const record = await findOwnRecord(place.trees, tree);
  if (record === undefined) return;
  if (end === "keep") {
    await writeRecord(place.trees, tree.jobId, { ...record, state: "kept", changedAt: box.now() });
    return;
  }
  if (end === "reuse" && (await pooled(box, tree))) return;
  await discardTree(box, place, record);
}

async function pooled(box: RepoBox, tree: Worktree): Promise<boolean> {
  const { place } = tree.source;
  const record = await findOwnRecord(place.trees, tree);
  try {
    return record !== undefined && (await putIntoPool(box, place, { record, tampersAtOpen: tree.tampersAtOpen }));
  } catch (error) {
    box.log(`the tree of job ${tree.jobId} was not put into the pool: ${String(error)}`);
    return false;
  }
}

async function emptyTrash(box: RepoBox): Promise<void> {
  await box.trash.empty(join(box.options.worktreeRoot, ".trash"));
  for (const root of [box.options.reposRoot, box.options.stateDir])
    for (const key of await readdir(root)) await box.trash.empty(join(root, key, ".trash"));
}
