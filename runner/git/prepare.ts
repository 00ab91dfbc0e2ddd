import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { checkBaseRef } from "../../shared/base-ref.ts";
import { AppError } from "../../shared/error.ts";
import { parseRepoUrl, type RepoAddress } from "../../shared/repo-url.ts";
import { branchNames } from "./branch-name.ts";
import { findCheckpoint } from "./checkpoint-refs.ts";
import { fetchBase, type How } from "./fetch-base.ts";
import { readPlainFile } from "./guard.ts";
import { identityFor } from "./identity.ts";
import type { Source } from "./remote.ts";
import type { RemoteRefs } from "./remote-answer.ts";
import { lookUp } from "./remote-refs.ts";
import { type Identity, type RepoBox, writeGlobalConfig } from "./repo-box.ts";
import { repoKey, repoPlace } from "./repo-place.ts";

/** What this folder needs to know of a job. */
export type RepoJob = Readonly<{
  id: string;
  repoUrl: string;
  baseRef?: string | undefined;
  /** The branch that the job has from an earlier attempt, and what was to be pushed there. */
  branch?: string | undefined;
  commit?: string | undefined;
  /** Where the state of its tree may have been kept, which an earlier attempt had elsewhere. */
  checkpoints?: "none" | "local" | "push";
}>;

/** The commit is in the vault; a worktree of it can be opened. */
export type Prepared = Readonly<{
  source: Source;
  refs: RemoteRefs;
  /** To be recorded on the job: the branch, tag or hash that was used. */
  baseRef: string;
  /** What the work is measured from. */
  baseSha: string;
  /**
   * The job's own branch as it is at the repository: work goes on there, and not anew from the base. `whole`: all is there
   * that was to be pushed.
   */
  goesOn?: Readonly<{
    branch: string;
    commit: string;
    whole: boolean;
    /** Or as the tree was, on top of that commit; then `pushed` is what the repository has. */
    state?: string;
    pushed?: string;
  }>;
  identity: Identity;
  how: How;
  /** Another job's fetch brought the commit. */
  shared: boolean;
}>;

/**
 * Finds out what the base ref is now and brings that commit here.
 * @throws AppError invalid_request, repo_not_allowed, clone_failed, auth_failed, ref_not_found, disk_full.
 */
export async function prepare(box: RepoBox, job: RepoJob, signal: AbortSignal): Promise<Prepared> {
  // It becomes part of paths and refs.
  if (!/^[A-Za-z0-9-]{1,64}$/.test(job.id)) throw new AppError("internal", `${job.id} is not a job's id`);
  const baseRef = job.baseRef === undefined ? undefined : checkBaseRef(job.baseRef);
  const source = await sourceOf(box, job.repoUrl);
  const [looked, identity] = await Promise.all([
    box.lookups({
      key: `${source.place.key} ${baseRef ?? ""}`,
      signal,
      work: (stop) => lookUp(box, source, { baseRef, signal: stop }),
    }),
    identityFor(box, source, signal),
  ]);
  const refs = looked.value;
  const { commit, how } = await fetchBase(box, { source, refs, jobId: job.id }, signal);
  await noteUse(box, job, source);
  const own = await ownBranch(box, { source, refs, job, base: commit }, signal);
  return {
    ...{ source, refs, identity, how },
    baseRef: refs.name,
    baseSha: commit,
    ...own,
    ...(own?.goesOn?.whole ? {} : await lastState(box, { source, refs, job, base: commit }, signal)),
    shared: how === "shared" || (how === "present" && looked.shared),
  };
}

type Own = Readonly<{ source: Source; refs: RemoteRefs; job: RepoJob; base: string }>;

/**
 * What an earlier attempt has pushed, and who works on its pull request on top of it. In a person's own folder a job begins
 * anew under another name: they may have that branch checked out.
 */
async function ownBranch(
  box: RepoBox,
  { source, refs, job, base }: Own,
  signal: AbortSignal,
): Promise<Pick<Prepared, "goesOn" | "baseSha"> | undefined> {
  const { branch = "" } = job;
  const commit = refs.ours.get(branch);
  if (source.address.scheme === "local" || commit === undefined || !`agenticore-${job.id}`.startsWith(branch))
    return undefined;
  const own = { name: branch, kind: "branch", ref: `refs/heads/${branch}`, object: commit, commit } as const;
  await fetchBase(box, { source, refs: { ...refs, ...own }, jobId: job.id }, signal);
  const ask = (...args: readonly string[]) =>
    box.git({ place: { gitDir: source.place.vault }, args, answers: [1, 128], signal }); // 128: no such commit here
  const found = await ask("merge-base", base, commit);
  if (found.code !== 0) return undefined;
  const whole = job.commit !== undefined && (await ask("merge-base", "--is-ancestor", job.commit, commit)).code === 0;
  return { goesOn: { branch, commit, whole }, baseSha: found.text.trim() };
}

/** What was kept of a tree that cannot be reached, unless somebody has worked on top of the branch since. */
async function lastState(
  box: RepoBox,
  { source, refs, job, base }: Own,
  signal: AbortSignal,
): Promise<Pick<Prepared, "goesOn" | "baseSha"> | undefined> {
  const { checkpoints = "none", id: jobId } = job;
  if (checkpoints === "none") return undefined;
  const found = await findCheckpoint(box, source, { jobId, remote: checkpoints === "push", signal });
  const branch = job.branch ?? branchNames(jobId)[0] ?? "";
  if (found === undefined || !`agenticore-${jobId}`.startsWith(branch)) return undefined;
  const pushed = refs.ours.get(branch);
  const ask = (...args: readonly string[]) =>
    box.git({ place: { gitDir: source.place.vault }, args, answers: [1, 128], signal });
  if (pushed !== undefined) {
    // In a person's own folder they may have it checked out.
    if (source.address.scheme === "local") return undefined;
    if ((await ask("merge-base", "--is-ancestor", pushed, found.head)).code !== 0) return undefined;
  }
  const began = await ask("merge-base", base, found.head);
  if (began.code !== 0) return undefined;
  const goesOn = { branch, commit: found.head, whole: false, state: found.commit };
  return { goesOn: { ...goesOn, ...(pushed === undefined ? {} : { pushed }) }, baseSha: began.text.trim() };
}

/** The mirror is here: claims may prefer its jobs. Only a hint, which fails nothing. */
export const noteUse = (box: RepoBox, { repoUrl }: RepoJob, { place }: Source): Promise<void> =>
  box.warm
    .used(place, parseRepoUrl(repoUrl).canonical)
    .catch((error: unknown) => box.log(`the use of ${repoUrl} could not be noted: ${String(error)}`));

/** The address with its folders; of a local folder the real path, asked again whether it may be used. */
export async function sourceOf(box: RepoBox, repoUrl: string): Promise<Source> {
  const address = await realAddress(parseRepoUrl(repoUrl));
  if (box.options.isAllowed?.(address) === false)
    throw new AppError("repo_not_allowed", `${repoUrl} is not among the repositories that may be used`);
  const place = repoPlace(repoKey(address.canonical), box.options);
  await mkdir(place.pool, { recursive: true, mode: 0o700 });
  await writeGlobalConfig(place.globalConfig, address.scheme === "local" ? await safeFolders(address.path) : []);
  return { address, place };
}

async function realAddress(address: RepoAddress): Promise<RepoAddress> {
  if (address.scheme !== "local") return address;
  const path = await realpath(address.path).catch(() => undefined);
  if (path === undefined)
    throw new AppError("clone_failed", `${address.raw}: there is no such folder`, {
      remedy: "Give the absolute path of a git repository on this machine.",
    });
  // git takes a path with a colon before the first slash for a host; an absolute one never has that.
  return { ...address, url: path, canonical: path, path };
}

/** The folder itself, its `.git`, and where a `.git` file leads: a person may work in a linked worktree. */
async function safeFolders(path: string): Promise<readonly string[]> {
  const inner = join(path, ".git");
  const linked = /^gitdir: (.+)$/m.exec((await readPlainFile(inner)) ?? "")?.[1];
  return [path, inner, ...(linked === undefined ? [] : [linked, join(linked, "../..")])];
}
