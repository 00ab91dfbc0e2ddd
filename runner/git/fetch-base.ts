import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { GitFailure, toGitError } from "./git-failure.ts";
import { kindAt, restoreRepository } from "./guard.ts";
import { runRemote, type Source } from "./remote.ts";
import type { Fetched, RemoteRefs } from "./remote-answer.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { type RepoPlace, vaultOf } from "./repo-place.ts";
import { isShared, lookAfresh } from "./shared-repos.ts";
import { formatOf, mirrorSkeleton, type ObjectFormat, vaultSkeleton, writeSkeleton } from "./skeleton.ts";
import { removeLocks } from "./stale-locks.ts";
import { listRecords } from "./tree-record.ts";

export type Wanted = Readonly<{ source: Source; refs: RemoteRefs; jobId: string }>;
/** `present`: nothing to fetch; `shared`: another job's fetch brought it. */
export type How = "fetched" | "shared" | "present";

/**
 * Brings the wanted commit into the vault: exactly that ref, into a ref of the job's own. Jobs that want the
 * same share one fetch; what is there already takes neither lock nor git.
 * @throws AppError clone_failed, auth_failed, ref_not_found, disk_full.
 */
export async function fetchBase(box: RepoBox, wanted: Wanted, signal: AbortSignal): Promise<Fetched & { how: How }> {
  const { source, refs } = wanted;
  if (await isPresent(wanted)) return { commit: refs.commit, how: "present" };
  const { value, shared } = await box.fetches({
    key: `${source.place.key} ${refs.ref} ${refs.object}`,
    signal,
    work: (stop) => fetchLocked(box, wanted, stop),
  });
  return { ...value, how: shared ? "shared" : "fetched" };
}

/** Fetches anew into an empty vault and puts it in the place of a broken one. Trees that live keep their path. */
export async function rebuildVault(box: RepoBox, wanted: Wanted, signal: AbortSignal): Promise<Fetched> {
  const { place, address } = wanted.source;
  await mkdir(place.home, { recursive: true, mode: 0o700 });
  const rebuild = async (held: Held) => {
    box.counters.rebuilds += 1;
    box.log(`the mirror of ${address.raw} was broken; it is fetched anew`);
    return await fetchAnew(box, wanted, held);
  };
  return await box.lock(vaultOf(place), rebuild, signal);
}

type InVault = Readonly<{ vault: string }>;

/** Exactly what is asked for: no tags, no FETCH_HEAD that others would overwrite, no housekeeping. */
export const exactFetch = [
  ...["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules"],
  "--end-of-options",
];

async function fetchLocked(box: RepoBox, wanted: Wanted, signal: AbortSignal): Promise<Fetched> {
  const { place, address } = wanted.source;
  await mkdir(place.home, { recursive: true, mode: 0o700 });
  try {
    const work = async (held: Held) => {
      if (isShared(place)) await lookAfresh(place.home);
      // Another process may have brought it while we waited for the lock.
      if (await isPresent(wanted)) return { commit: wanted.refs.commit };
      const ready = (await kindAt(place.vault)) === "folder";
      return ready ? await fetchOn(box, wanted, held) : await fetchAnew(box, wanted, held);
    };
    return await box.lock(vaultOf(place), work, signal);
  } catch (error) {
    throw toGitError(error, { otherwise: "clone_failed", where: address.raw });
  }
}

async function fetchAnew(box: RepoBox, wanted: Wanted, held: Held): Promise<Fetched> {
  const { place } = wanted.source;
  const format = formatOf(wanted.refs.object);
  const staging = join(place.home, `.staging-${randomUUID()}`);
  try {
    await writeSkeleton(join(staging, "vault"), vaultSkeleton(format));
    const fetched = await fetchInto(box, wanted, { ...held, vault: join(staging, "vault") });
    await fetchForLiveTrees(box, wanted, { ...held, vault: join(staging, "vault") });
    held.prove();
    // Before the vault: whoever finds his commit there goes on to the mirror, and asks for no lock.
    if ((await kindAt(place.mirror)) === "nothing") {
      await writeSkeleton(join(staging, "repo"), mirrorSkeleton(format, place.vault));
      await rename(join(staging, "repo"), place.mirror);
    }
    await box.trash.discard(place.vault, join(place.home, ".trash"));
    await rename(join(staging, "vault"), place.vault);
    return fetched;
  } finally {
    await box.trash.discard(staging, join(place.home, ".trash"));
  }
}

/** Trees that live go on in the new vault: their bases come too, as far as the repository still has them. */
async function fetchForLiveTrees(box: RepoBox, { source }: Wanted, { vault, signal, lockFd }: Held & InVault) {
  if (isShared(source.place)) await lookAfresh(source.place.trees);
  for (const { jobId, baseSha } of await listRecords(source.place.trees)) {
    const refs = `+${baseSha}:refs/agenticore/jobs/${jobId}`;
    await runRemote(box, source, {
      place: { gitDir: vault },
      args: (url) => [...exactFetch, url, refs],
      signal,
      lockFd,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      box.log(`the base ${baseSha} of job ${jobId} could not be fetched again: ${String(error)}`);
    });
  }
}

/** A fetch into the vault that is there: left-over locks and broken objects are mended, each once. */
async function fetchOn(box: RepoBox, wanted: Wanted, held: Held): Promise<Fetched> {
  const { vault } = wanted.source.place;
  await restoreVault(box, wanted.source.place, formatOf(wanted.refs.object));
  const attempt = () => fetchInto(box, wanted, { ...held, vault });
  try {
    return await attempt().catch(async (error: unknown) => {
      if (!(error instanceof GitFailure) || error.kind !== "locked") throw error;
      // Every git that works in a vault holds our lock, and we hold it now: whoever made these is dead.
      held.prove();
      await removeLocks(vault);
      return await attempt();
    });
  } catch (error) {
    if (!(error instanceof GitFailure) || (error.kind !== "corrupt" && error.kind !== "locked")) throw error;
    box.counters.rebuilds += 1;
    box.log(`the mirror of ${wanted.source.address.raw} was broken (${error.detail}); it is fetched anew`);
    return await fetchAnew(box, wanted, held);
  }
}

/** The vault's configuration as we wrote it; what does not belong there is taken away. */
export async function restoreVault(box: RepoBox, { vault, home }: RepoPlace, format: ObjectFormat): Promise<void> {
  const quarantine = (path: string) => box.trash.discard(path, join(home, ".trash"));
  const found = await restoreRepository(vault, { skeleton: vaultSkeleton(format), quarantine });
  for (const sentence of found) box.log(`vault ${vault}: ${sentence}`);
}

async function fetchInto(
  box: RepoBox,
  { source, refs, jobId }: Wanted,
  { vault, signal, lockFd }: Held & InVault,
): Promise<Fetched> {
  box.counters.fetches += 1;
  const own = `refs/agenticore/jobs/${jobId}`;
  const place = { gitDir: vault };
  await runRemote(box, source, {
    place,
    args: (url) => [...exactFetch, url, `+${refs.ref}:${own}`, `+${refs.ref}:${seenRef(refs.ref)}`],
    signal,
    lockFd,
  });
  const object = await readRef(vault, own);
  if (object === refs.object && refs.kind === "branch") return { commit: refs.commit };
  // The ref moved between question and fetch, or it is a tag or a bare hash, which may be of anything.
  const parsed = await box.git({
    place,
    args: ["rev-parse", "--verify", "--quiet", `${own}^{commit}`],
    answers: [1],
    signal,
  });
  if (parsed.code === 1) {
    const forget = [own, seenRef(refs.ref)].map((ref) => `delete ${ref}\n`).join(""); // nobody takes it for a base
    await box.git({ place, args: ["update-ref", "--stdin"], input: Buffer.from(forget), signal, lockFd });
    throw new GitFailure("no-ref", { command: "fetch", stderr: `fatal: ${refs.ref} is not a commit`, exitCode: 1 });
  }
  return { commit: parsed.text.trim() };
}

/** Only a ref proves that all objects came: git sets it after it checked that nothing is missing. */
const isPresent = async ({ source, refs }: Wanted): Promise<boolean> =>
  (await readRef(source.place.vault, seenRef(refs.ref))) === refs.object;

/** Keeps what was fetched for the next fetch to build on. Hashed: `a` and `a/b` could not both be refs. */
const seenRef = (ref: string): string =>
  `refs/agenticore/seen/${createHash("sha256").update(ref).digest("hex").slice(0, 16)}`;

/** Refs of the vault are plain files: nobody packs them. */
const readRef = async (vault: string, ref: string): Promise<string | undefined> =>
  (await readFile(join(vault, ref), "utf8").catch(() => undefined))?.trim();
