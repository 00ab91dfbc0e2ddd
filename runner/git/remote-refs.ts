import { AppError } from "../../shared/error.ts";
import { toGitError } from "./git-failure.ts";
import { runRemote, type Source } from "./remote.ts";
import type { RemoteRefs } from "./remote-answer.ts";
import type { RepoBox } from "./repo-box.ts";

const hash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Asks the repository what `baseRef` is: by default its HEAD, else the branch, tag or full commit hash.
 * @throws AppError ref_not_found, clone_failed, auth_failed.
 */
export async function lookUp(
  box: RepoBox,
  source: Source,
  { baseRef, signal }: Readonly<{ baseRef: string | undefined; signal: AbortSignal }>,
): Promise<RemoteRefs> {
  box.counters.lookups += 1;
  const { raw } = source.address;
  const listed = await runRemote(box, source, {
    place: { gitDir: box.blank },
    args: (url) => [
      "ls-remote",
      ...filters(baseRef),
      "--end-of-options",
      url,
      ...patterns(baseRef),
      baseRef === undefined ? "refs/heads/*" : "refs/heads/agenticore-*",
    ],
    signal,
    timeoutMs: 120_000,
  }).catch((error: unknown) => {
    throw toGitError(error, { otherwise: "clone_failed", where: raw });
  });
  const refs = new Map<string, string>();
  for (const line of listed.text.split("\n")) {
    const [value, name] = line.split("\t");
    if (value === undefined || name === undefined) continue;
    if (value.startsWith("ref: ")) refs.set("symref", value.slice(5));
    else if (hash.test(value)) refs.set(name, value);
  }
  const ours = new Map(
    [...refs].flatMap(([name, commit]) =>
      name.startsWith("refs/heads/agenticore-") ? [[name.slice(11), commit] as const] : [],
    ),
  );
  return { ...(baseRef === undefined ? headOf(refs, raw) : namedOf(refs, baseRef, raw)), ours };
}

/**
 * What one branch of the repository points at; undefined where there is no such branch.
 * @throws AppError clone_failed, auth_failed.
 */
export async function findBranch(
  box: RepoBox,
  source: Source,
  { branch, signal }: Readonly<{ branch: string; signal: AbortSignal }>,
): Promise<string | undefined> {
  box.counters.lookups += 1;
  const ref = `refs/heads/${branch}`;
  const listed = await runRemote(box, source, {
    place: { gitDir: box.blank },
    args: (url) => ["ls-remote", "--heads", "--end-of-options", url, ref],
    signal,
    timeoutMs: 120_000,
  }).catch((error: unknown) => {
    throw toGitError(error, { otherwise: "clone_failed", where: source.address.raw });
  });
  const lines = listed.text.split("\n").map((line) => line.split("\t"));
  return lines.find(([value, name]) => name === ref && hash.test(value ?? ""))?.[0];
}

type Found = Omit<RemoteRefs, "ours">;

/** `refs/pull/*` and the like can be many; only HEAD itself needs the whole list. */
const filters = (baseRef: string | undefined) => (baseRef === undefined ? ["--symref"] : ["--heads", "--tags"]);

function patterns(baseRef: string | undefined): readonly string[] {
  if (baseRef === undefined) return ["HEAD"];
  if (hash.test(baseRef)) return [];
  return candidates(baseRef).flatMap((ref) => [ref, `${ref}^{}`]);
}

/** A branch before a tag of the same name: what people mean by the word. */
const candidates = (baseRef: string): readonly string[] =>
  /^refs\/(?:heads|tags)\//.test(baseRef) ? [baseRef] : [`refs/heads/${baseRef}`, `refs/tags/${baseRef}`];

function headOf(refs: ReadonlyMap<string, string>, raw: string): Found {
  const commit = refs.get("HEAD");
  const target = refs.get("symref");
  if (commit === undefined) {
    throw refs.size > (target === undefined ? 0 : 1)
      ? new AppError("ref_not_found", `${raw}: its default branch does not exist`, {
          remedy: "Name a branch in base_ref, or set the repository's default branch.",
        })
      : new AppError("ref_not_found", `${raw}: the repository has no commits yet`, {
          remedy: "Make a first commit there, then submit the task again.",
        });
  }
  if (target?.startsWith("refs/heads/"))
    return { name: target.slice(11), kind: "branch", ref: target, object: commit, commit };
  return { name: commit, kind: "commit", ref: "HEAD", object: commit, commit };
}

function namedOf(refs: ReadonlyMap<string, string>, baseRef: string, raw: string): Found {
  if (hash.test(baseRef)) return { name: baseRef, kind: "commit", ref: baseRef, object: baseRef, commit: baseRef };
  for (const ref of candidates(baseRef)) {
    const object = refs.get(ref);
    if (object === undefined) continue;
    const kind = ref.startsWith("refs/heads/") ? "branch" : "tag";
    return {
      name: ref.replace(/^refs\/(?:heads|tags)\//, ""),
      kind,
      ref,
      object,
      commit: refs.get(`${ref}^{}`) ?? object,
    };
  }
  const shorter = baseRef.replace(/^origin\//, "");
  throw new AppError("ref_not_found", `${raw}: there is no branch or tag \`${baseRef}\``, {
    remedy:
      shorter === baseRef
        ? "Name a branch or tag that the repository has, or a full commit hash."
        : `Did you mean \`${shorter}\`? Names are those in the repository itself.`,
  });
}
