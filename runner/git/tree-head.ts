import { join } from "node:path";
import { kindAt, readPlainFile } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import { inView, type RepoPlace } from "./repo-place.ts";
import type { TreeRecord } from "./tree-record.ts";

export type TreeHead = Readonly<{ commit: string; onOwnBranch: boolean; unfinished: "merge" | "rebase" | undefined }>;

/** What the tree's HEAD is; where that names nothing sensible, the job's branch. Undefined when neither is a commit. */
export async function findHead(
  box: RepoBox,
  { place, record }: Readonly<{ place: RepoPlace; record: Pick<TreeRecord, "admin" | "branch"> }>,
  signal?: AbortSignal,
): Promise<TreeHead | undefined> {
  const folder = join(place.mirror, "worktrees", record.admin);
  const own = `refs/heads/${record.branch}`;
  const named = nameIn((await readPlainFile(join(folder, "HEAD"))) ?? "");
  const unfinished = await unfinishedIn(folder);
  const name = named === undefined || unfinished === "rebase" ? own : named;
  for (const ref of new Set([name, own])) {
    const args = ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`];
    const found = await box.git({ place: inView(place), args, answers: [1, 128], signal });
    if (found.code === 0) return { commit: found.text.trim(), onOwnBranch: ref === own && named === own, unfinished };
  }
  return undefined;
}

/** A branch or a hash and nothing else: rev-parse understands much more, and the agent wrote this. */
function nameIn(text: string): string | undefined {
  const line = text.replace(/\n$/, "");
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(line)) return line;
  const ref = /^ref: (refs\/heads\/[^\s~^:?*[\\\p{C}]+)$/u.exec(line)?.[1];
  return ref === undefined || ref.includes("..") || ref.includes("@{") ? undefined : ref;
}

async function unfinishedIn(folder: string): Promise<TreeHead["unfinished"]> {
  const has = async (name: string) => (await kindAt(join(folder, name))) !== "nothing";
  if ((await has("rebase-merge")) || (await has("rebase-apply"))) return "rebase";
  return (await has("MERGE_HEAD")) ? "merge" : undefined;
}
