import type { Worktree } from "../shared/worktree.ts";
import { duration } from "./amount.ts";
import { cut, harmless, headedTable, type Paint } from "./print.ts";

type Look = Readonly<{ paint: Paint; width: number; nowMs: number }>;

/** A prepared worktree as a block of names and values. */
export function renderWorktree(tree: Worktree, { paint, nowMs }: Look): string {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["worktree", tree.id],
    ["status", tree.status],
    ["error", tree.error],
    ["repo", `${tree.repo_url}${tree.base_ref ? ` at ${tree.base_ref}` : ""}`],
    ["branch", tree.branch],
    ["path", tree.path && `${tree.path} on ${tree.box}`],
    ["pushed", tree.pushed ? "all that was done there" : "not all that was done there"],
    ["job", tree.job],
    ["used", `${duration(nowMs - Date.parse(tree.used_at))} ago`],
    ["size", tree.size_bytes === undefined ? undefined : `${Math.ceil(tree.size_bytes / 1e6)} MB`],
  ];
  return rows
    .flatMap(([name, value]) => (value ? [`${paint.dim(`${name}:`.padEnd(10))} ${harmless(value)}`] : []))
    .join("\n");
}

/** Rows of a list, newest first as the server gives them. */
export function renderWorktrees(trees: readonly Worktree[], { nowMs, ...look }: Look): string {
  const rows = trees.map((tree) => [
    tree.id,
    tree.status,
    duration(nowMs - Date.parse(tree.used_at)),
    tree.pushed ? "yes" : "no",
    tree.branch ?? "-",
    cut(tree.repo_url, 60),
  ]);
  return headedTable(["WORKTREE", "STATUS", "UNUSED", "PUSHED", "BRANCH", "REPOSITORY"], rows, look);
}
