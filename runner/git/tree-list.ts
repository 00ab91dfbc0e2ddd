import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { discardTree } from "./discard-tree.ts";
import type { RepoBox } from "./repo-box.ts";
import { repoPlace } from "./repo-place.ts";
import { listRecords, type TreeRecord } from "./tree-record.ts";
import { hasUnpushed } from "./unpushed.ts";

export type TreeInfo = Readonly<{
  jobId: string;
  path: string;
  state: TreeRecord["state"] | "unknown";
  repoUrl?: string;
  branch?: string;
  /** The commit that the repository has from us; absent when nothing was pushed. */
  pushed?: string;
  /** Made for later jobs, whose worktree has this id. */
  prepared?: boolean;
  createdAt: number;
  changedAt: number;
}>;

/** Every tree of ours but the pool's: those with a record, and folders that a start cut off left without one. */
export async function listTrees(box: RepoBox): Promise<readonly TreeInfo[]> {
  const known = await allRecords(box);
  const names = new Set(known.map(({ jobId }) => jobId));
  const strays = (await readdir(box.options.worktreeRoot)).filter((name) => !name.startsWith(".") && !names.has(name));
  const unknown = strays.map(async (jobId): Promise<TreeInfo> => {
    const path = join(box.options.worktreeRoot, jobId);
    const at = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    return { jobId, path, state: "unknown", createdAt: at, changedAt: at };
  });
  return [...known.map(toInfo), ...(await Promise.all(unknown))];
}

/** Takes one tree away. The caller has proven that no process uses it. @returns false when there is none. */
export async function removeTree(box: RepoBox, jobId: string): Promise<boolean> {
  const record = (await allRecords(box)).find((each) => each.jobId === jobId);
  if (record !== undefined) {
    await discardTree(box, repoPlace(record.key, box.options), record);
    return true;
  }
  if (!/^[A-Za-z0-9-]+$/.test(jobId)) return false;
  if (!(await readdir(box.options.worktreeRoot)).includes(jobId)) return false;
  await box.trash.discard(join(box.options.worktreeRoot, jobId), join(box.options.worktreeRoot, ".trash"));
  return true;
}

/** Whether a tree has work that its repository has not; undefined where there is no such tree. */
export async function isUnpushed(box: RepoBox, jobId: string, signal: AbortSignal): Promise<boolean | undefined> {
  const record = (await allRecords(box)).find((each) => each.jobId === jobId);
  return record && (await hasUnpushed(box, record, signal));
}

async function allRecords(box: RepoBox): Promise<readonly TreeRecord[]> {
  const { reposRoot, stateDir, sharedPool } = box.options;
  const folder = sharedPool === undefined ? stateDir : reposRoot;
  const keys = (await readdir(folder)).filter((name) => /^[0-9a-f]{12}$/.test(name));
  return (await Promise.all(keys.map((key) => listRecords(repoPlace(key, box.options).trees)))).flat();
}

const toInfo = ({ jobId, path, state, repoUrl, branch, pushed, prepared, ...at }: TreeRecord): TreeInfo => ({
  ...{ jobId, path, state, repoUrl, branch, createdAt: at.createdAt, changedAt: at.changedAt },
  ...(prepared ? { prepared } : {}),
  ...(pushed === undefined ? {} : { pushed }),
});
