import { isTree, type Tree } from "./deep-merge.ts";

export type OwnKeys = Readonly<{ content: Tree; notes: readonly string[] }>;

/** Keys that agentihooks reads in the same file. */
const hooksKeys = ["mcp_categories", "otel", "allowedOverlays"];
/** What the predecessor let a profile say, and Agenticore decides by itself. */
const ownMatters = ["worktree", "output_format", "no_session_persistence"];
/** With nothing below them they say nothing. */
const sections = ["claude", "pr", "env"];

/**
 * A `profile.yml` that was written for agentihooks or the predecessor, in our terms: keys that are no matter of ours are
 * left out, and a note says so.
 */
export function inOurTerms(given: Tree): OwnKeys {
  const ignored = [
    ...hooksKeys.filter((key) => Object.hasOwn(given, key)).map((key) => `\`${key}\` is for agentihooks`),
    ...ownMatters
      .filter((key) => isTree(given["claude"]) && Object.hasOwn(given["claude"], key))
      .map((key) => `\`claude.${key}\` is a matter of Agenticore's own`),
  ];
  const notes = ignored.map((why) => `${why}: it has no effect.`);
  const content = without(given, [...hooksKeys, ...sections.filter((key) => given[key] === null)]);
  if (!isTree(content["claude"])) return { content, notes };
  const claude = without(content["claude"], ownMatters);
  const skips = claude["permission_mode"] === "dangerously-skip-permissions";
  return {
    content: { ...content, claude: { ...claude, ...(skips ? { permission_mode: "bypassPermissions" } : {}) } },
    notes,
  };
}

const without = (tree: Tree, keys: readonly string[]): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)));
