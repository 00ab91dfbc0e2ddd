import { checkpointRef, readCheckpoint } from "./checkpoint-ref.ts";
import { exactFetch } from "./fetch-base.ts";
import { GitFailure, toGitError } from "./git-failure.ts";
import type { Leash } from "./leash.ts";
import { runAnonymous, runRemote, type Source } from "./remote.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { vaultOf } from "./repo-place.ts";

/** The state of a job's tree: a commit on top of the commit that was checked out there. */
export type Checkpoint = Readonly<{ commit: string; head: string }>;

/** Where the repository has it: a ref that no clone fetches. */
const remoteRef = (jobId: string): string => `refs/agenticore/${jobId}`;

/**
 * The newest state of a job's tree: what the repository has, where that is asked for, else what this box's vault has.
 * @throws AppError clone_failed, auth_failed.
 */
export async function findCheckpoint(
  box: RepoBox,
  source: Source,
  { jobId, remote, signal }: Readonly<{ jobId: string; remote: boolean; signal: AbortSignal }>,
): Promise<Checkpoint | undefined> {
  const { place, address } = source;
  if (remote && address.scheme !== "local") await bring();
  const commit = await readCheckpoint(place, jobId);
  if (commit === undefined) return undefined;
  const args = ["rev-parse", "--verify", "--quiet", `${commit}^1^{commit}`];
  const found = await box.git({ place: { gitDir: place.vault }, args, answers: [1, 128], signal });
  return found.code === 0 ? { commit, head: found.text.trim() } : undefined;

  async function bring(): Promise<void> {
    const there = await remoteCheckpoint(box, source, { jobId, signal });
    if (there === undefined || there === (await readCheckpoint(place, jobId))) return;
    const fetch = ({ lockFd, signal }: Held) =>
      runRemote(box, source, {
        place: { gitDir: place.vault },
        args: (url) => [...exactFetch, url, `+${remoteRef(jobId)}:${checkpointRef(jobId)}`],
        signal,
        lockFd,
      });
    await box.lock(vaultOf(place), fetch, signal).catch((error: unknown) => {
      throw toGitError(error, { otherwise: "clone_failed", where: address.raw });
    });
  }
}

/** What the repository has of a job's states now. @throws AppError clone_failed, auth_failed. */
export async function remoteCheckpoint(
  box: RepoBox,
  source: Source,
  { jobId, signal }: Readonly<{ jobId: string; signal: AbortSignal }>,
): Promise<string | undefined> {
  const listed = await runRemote(box, source, {
    place: { gitDir: box.blank },
    args: (url) => ["ls-remote", "--end-of-options", url, remoteRef(jobId)],
    signal,
    timeoutMs: 120_000,
  }).catch((error: unknown) => {
    throw toGitError(error, { otherwise: "clone_failed", where: source.address.raw });
  });
  return /^([0-9a-f]{40,64})\t/.exec(listed.text)?.[1];
}

export type StateChange = Readonly<{
  /** Absent: taken away. */
  commit?: string;
  /** What is there now by all that we know; empty where there is nothing. */
  expected: string;
  leash?: Leash | undefined;
}>;
type Change = StateChange & Readonly<{ jobId: string; signal: AbortSignal }>;

/** Sets the repository's ref of the job's state. @returns false where it is not what was expected. */
export async function pushCheckpoint(box: RepoBox, source: Source, change: Change): Promise<boolean> {
  const { jobId, commit = "", expected, leash, signal } = change;
  const ref = remoteRef(jobId);
  const options = ["--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"];
  try {
    const answer = await runRemote(box, source, {
      place: { gitDir: source.place.vault },
      args: (url) => [
        "push",
        ...options,
        `--force-with-lease=${ref}:${expected}`,
        "--end-of-options",
        url,
        `${commit}:${ref}`,
      ],
      answers: [1],
      leash,
      signal,
    });
    return answer.code === 0;
  } catch (error) {
    throw toGitError(error, { otherwise: "push_rejected", where: `push to ${source.address.raw}` });
  }
}

/**
 * Whether anybody can read the repository, without a login; true too where that cannot be found out (over ssh). Nothing is
 * given to such a one but what the job publishes in the end.
 * @throws AppError clone_failed where it does not answer.
 */
export async function isPublic(box: RepoBox, source: Source, signal: AbortSignal): Promise<boolean> {
  const { scheme, raw } = source.address;
  if (scheme !== "http" && scheme !== "https") return true;
  try {
    await runAnonymous(box, source, {
      place: { gitDir: box.blank },
      args: (url) => ["ls-remote", "--heads", "--end-of-options", url, "refs/heads/agenticore"],
      signal,
      timeoutMs: 60_000,
    });
    return true;
  } catch (error) {
    if (error instanceof GitFailure && (error.kind === "auth" || error.kind === "no-repo")) return false;
    throw toGitError(error, { otherwise: "clone_failed", where: raw });
  }
}
