import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { checkBaseRef } from "../../shared/base-ref.ts";
import { AppError } from "../../shared/error.ts";
import { parseRepoUrl, type RepoAddress } from "../../shared/repo-url.ts";
import { fetchBase, type How } from "./fetch-base.ts";
import { readPlainFile } from "./guard.ts";
import { identityFor } from "./identity.ts";
import type { Source } from "./remote.ts";
import type { RemoteRefs } from "./remote-answer.ts";
import { lookUp } from "./remote-refs.ts";
import { type Identity, type RepoBox, writeGlobalConfig } from "./repo-box.ts";
import { repoKey, repoPlace } from "./repo-place.ts";

/** What this folder needs to know of a job. */
export type RepoJob = Readonly<{ id: string; repoUrl: string; baseRef?: string | undefined }>;

/** The commit is in the vault; a worktree of it can be opened. */
export type Prepared = Readonly<{
  source: Source;
  refs: RemoteRefs;
  /** To be recorded on the job: the branch, tag or hash that was used. */
  baseRef: string;
  baseSha: string;
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
  return {
    ...{ source, refs, identity, how },
    baseRef: refs.name,
    baseSha: commit,
    shared: how === "shared" || (how === "present" && looked.shared),
  };
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
