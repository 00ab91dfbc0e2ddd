import { rm } from "node:fs/promises";
import { checkpointRef, readCheckpoint } from "./checkpoint-ref.ts";
import { toGitError } from "./git-failure.ts";
import type { Leftover } from "./leftover-choice.ts";
import { choose, findLeftovers } from "./leftovers.ts";
import { bringIntoVault } from "./push.ts";
import { readBeneath } from "./read-beneath.ts";
import type { RepoBox } from "./repo-box.ts";
import { inTree, vaultOf } from "./repo-place.ts";
import { restoreMirror, treeExists } from "./tree-admin.ts";
import { findHead } from "./tree-head.ts";
import { indexFile } from "./tree-record.ts";
import type { Worktree } from "./worktree.ts";

const mostBytes = 24 * 1024 * 1024;

/**
 * Keeps the state of a tree, uncommitted and new files too, as a commit on top of its HEAD, in the vault alone: the tree, its
 * index and its branch stay as they are. An agent may be at work there: git only lists what differs, and files are read so
 * that nothing outside the tree can get into it. Ignored files, secret-looking names and what was `placed` stay out.
 * @returns the commit, the same for the same state; undefined where there is nothing to be kept just now.
 * @throws AppError `worktree_failed`, `disk_full`.
 */
export async function keepCheckpoint(box: RepoBox, tree: Worktree, signal: AbortSignal): Promise<string | undefined> {
  const { place } = tree.source;
  const index = `${indexFile(place.trees, tree.jobId)}.checkpoint`;
  try {
    await restoreMirror(box, place, tree.baseSha);
    if (!(await treeExists(place, tree))) return undefined;
    const head = await findHead(box, { place, record: tree }, signal);
    if (head === undefined || head.unfinished === "rebase") return undefined;
    const at = { work: { tree, head, index }, place: { ...inTree(place, tree), indexFile: index } };
    const found = await findLeftovers(box, at, signal);
    const { taken } = await choose(box, tree, { found, signal });
    const isUntouched = taken.length === 0 && head.commit === tree.baseSha;
    if (isUntouched && (await readCheckpoint(place, tree.jobId)) === undefined) return undefined;
    await bringIntoVault(box, { tree, commit: head.commit }, signal);
    const input = await commitOf(tree, head.commit, taken);
    const args = ["fast-import", "--quiet", "--force", "--done"];
    await box.lock(
      vaultOf(place),
      ({ lockFd, signal }) => box.git({ place: { gitDir: place.vault }, args, input, lockFd, signal }),
      signal,
    );
    return await readCheckpoint(place, tree.jobId);
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree ${tree.path}` });
  } finally {
    await rm(index, { force: true });
  }
}

/** The commit in words of git-fast-import(1). It has no time of its own, so that the same state is the same commit. */
async function commitOf(tree: Worktree, head: string, taken: readonly Leftover[]): Promise<Buffer> {
  const { name, email } = tree.identity;
  const message = `Checkpoint of job ${tree.jobId}\n`;
  const pieces = [
    text(`commit ${checkpointRef(tree.jobId)}\ncommitter ${plain(name)} <${plain(email)}> 0 +0000\n`),
    text(`data ${message.length}\n${message}from ${head}\n`),
  ];
  let left = mostBytes;
  for (const { path, change } of taken) {
    if (change === "deleted") pieces.push(text(`D ${quoted(path)}\n`));
    else {
      const blob = await readBeneath(tree.path, path, left);
      if (blob === undefined) continue;
      left -= blob.bytes.length;
      pieces.push(text(`M ${blob.mode} inline ${quoted(path)}\ndata ${blob.bytes.length}\n`), blob.bytes, text("\n"));
    }
  }
  return Buffer.concat([...pieces, text("\ndone\n")]);
}

const text = (words: string): Buffer => Buffer.from(words, "utf8");
const plain = (words: string): string => words.replace(/[<>\n\r\0]/g, "");

/** Bytes as latin1, in the quotes of C. */
const quoted = (path: string): string =>
  `"${[...path].map((char) => (/[\w./ -]/.test(char) ? char : `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`)).join("")}"`;
