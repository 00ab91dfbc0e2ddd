import { blobIds } from "./blob-id.ts";
import type { Leftover } from "./leftover-choice.ts";
import { readBeneath } from "./read-beneath.ts";
import type { RepoBox } from "./repo-box.ts";
import { inView } from "./repo-place.ts";
import type { Worktree } from "./worktree.ts";

/** What is shorter says too little to be told from a file that somebody else has written. */
const leastBytes = 8;

/** By what a lent file is known again under another name: its content as a whole. */
export const contentsOf = (content: Buffer): readonly string[] => (content.length < leastBytes ? [] : blobIds(content));

type Tree = Pick<Worktree, "path" | "source" | "baseSha" | "placed">;

/**
 * Paths among these that have the content of a lent file: copies of it, or the file itself, moved. Not one that the base has
 * too, since nothing of it is the person's alone.
 */
export async function lentAmong(
  box: RepoBox,
  { tree, taken }: Readonly<{ tree: Tree; taken: readonly Leftover[] }>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const lent = new Set(tree.placed?.contents ?? []);
  if (lent.size === 0) return new Set();
  const found = new Map<string, readonly string[]>();
  for (const { path, change, bytes } of taken) {
    if (change === "deleted" || bytes < leastBytes) continue;
    const blob = await readBeneath(tree.path, path, bytes);
    const ids = blob ? blobIds(blob.bytes).filter((id) => lent.has(id)) : [];
    if (ids.length > 0) found.set(path, ids);
  }
  const known = await inBase(box, tree, { ids: new Set([...found.values()].flat()), signal });
  return new Set([...found].flatMap(([path, ids]) => (ids.some((id) => known.has(id)) ? [] : [path])));
}

/** Names under which commits on top of the base have such content, also where a later one takes it away. */
export async function lentInCommits(
  box: RepoBox,
  tree: Tree,
  { head, signal }: Readonly<{ head: string; signal: AbortSignal }>,
): Promise<readonly string[]> {
  const lent = new Set(tree.placed?.contents ?? []);
  if (lent.size === 0) return [];
  const listed = ["--format=", "--raw", "--no-abbrev", "-z", "-m", "--full-history", "--no-renames"];
  const args = ["log", ...listed, `${tree.baseSha}..${head}`, "--"];
  const { text } = await box.git({ place: inView(tree.source.place), args, signal });
  const words = text.split("\0").map((word) => word.trim());
  const found = words.flatMap((word, at) => {
    const [, id = ""] = /^:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) /.exec(word) ?? [];
    return lent.has(id) ? [{ id, path: words[at + 1] ?? "" }] : [];
  });
  const known = await inBase(box, tree, { ids: new Set(found.map(({ id }) => id)), signal });
  return found.filter(({ id }) => !known.has(id)).map(({ path }) => path);
}

async function inBase(
  box: RepoBox,
  { source, baseSha }: Tree,
  { ids, signal }: Readonly<{ ids: ReadonlySet<string>; signal: AbortSignal }>,
): Promise<ReadonlySet<string>> {
  if (ids.size === 0) return ids;
  const args = ["ls-tree", "-r", "-z", baseSha];
  const { text } = await box.git({ place: inView(source.place), args, signal });
  const there = text.split("\0").map((line) => /^\d+ blob ([0-9a-f]+)\t/.exec(line)?.[1] ?? "");
  return new Set(there.filter((id) => ids.has(id)));
}
