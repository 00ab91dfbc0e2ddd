import { isMap, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { nearest } from "../../shared/config.ts";
import { AppError, type FieldError } from "../../shared/error.ts";
import { Profile } from "../../shared/profile.ts";
import { type ClaudeFlags, flagMistake } from "./claude-flags.ts";
import { isTree, type Tree, withoutNulls } from "./deep-merge.ts";
import { inOurTerms } from "./foreign-keys.ts";

/** The content of a `profile.yml`. */
export type RawProfile = Readonly<{
  /** As written: without defaults, so that a parent's values can show through. */
  content: Tree;
  /** Keys of `claude` that are flags of the installed Claude and no keys of ours. */
  flags: Tree;
  /** What has no effect here, in sentences. */
  notes: readonly string[];
}>;

/** Asked only for a key that is none of ours. */
export type AskFlags = () => Promise<ClaudeFlags>;

/**
 * Reads and checks the text of a `profile.yml`.
 * @throws AppError `profile_invalid` that names file, line, key and what would be right.
 */
export async function parseProfileFile(file: string, text: string, askFlags?: AskFlags): Promise<RawProfile> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken) throw invalid(file, [{ line: lines.linePos(broken.pos[0]).line, path: "", message: broken.message }]);
  const given = toContent(file, () => document.toJS({ maxAliasCount: 100 }));
  const { content, flags, notes } = isTree(given) ? apart(given) : { content: given, flags: {}, notes: [] };
  const parsed = Profile.safeParse(isTree(content) ? withoutNulls(content) : content);
  const wrong = [...(parsed.error?.issues.flatMap(mistakes) ?? []), ...(await wrongFlags(flags, askFlags))];
  if (wrong.length === 0) return { content: content as Tree, flags, notes };
  const lineOf = (path: Path) => lines.linePos(startOf(document.contents, path)).line;
  throw invalid(
    file,
    wrong.map((one) => ({ ...one, path: dotted(one.path), line: lineOf(one.path) })),
  );
}

type Path = readonly PropertyKey[];
type Mistake = Readonly<{ path: Path; message: string }>;

/** Our own keys on one side, those of `claude` that may be flags on the other. */
function apart(given: Tree): RawProfile {
  const { content, notes } = inOurTerms(given);
  const { claude } = content;
  if (!isTree(claude)) return { content, flags: {}, notes };
  const isOurs = ([key]: readonly [string, unknown]) => groups["claude"]?.includes(key) === true;
  const entries = Object.entries(claude);
  return {
    content: { ...content, claude: Object.fromEntries(entries.filter(isOurs)) },
    flags: Object.fromEntries(entries.filter((entry) => !isOurs(entry))),
    notes,
  };
}

async function wrongFlags(flags: Tree, askFlags: AskFlags | undefined): Promise<Mistake[]> {
  const entries = Object.entries(flags);
  if (entries.length === 0) return [];
  const asked = await askFlags?.().catch((error: Error) => error);
  return entries.flatMap(([key, value]) => {
    const message = flagTrouble([key, value], asked);
    return message === undefined ? [] : [{ path: ["claude", key], message }];
  });
}

function flagTrouble(entry: readonly [string, unknown], asked: ClaudeFlags | Error | undefined): string | undefined {
  const unknown = unknownKey(["claude"], entry[0]);
  if (asked === undefined) return unknown;
  if (asked instanceof Error) return `${unknown}; whether it is a flag of Claude's is not known: ${asked.message}`;
  return flagMistake(entry, asked, unknown);
}

const mistakes = (issue: z.core.$ZodIssue): Mistake[] =>
  issue.code === "unrecognized_keys"
    ? issue.keys.map((key) => ({ path: [...issue.path, key], message: unknownKey(issue.path, key) }))
    : [{ path: issue.path, message: issue.message }];

const groups: Readonly<Record<string, readonly string[]>> = {
  claude: Object.keys(Profile.shape.claude.unwrap().shape),
  pr: Object.keys(Profile.shape.pr.unwrap().shape),
  setup: Object.keys(Profile.shape.setup.unwrap().shape),
};
function unknownKey(parents: Path, key: string): string {
  const known = groups[String(parents[0])];
  if (known) return `unknown key; the nearest is "${nearest(key, known)}"`;
  const group = Object.keys(groups).find((name) => groups[name]?.includes(key));
  if (group) return `unknown key; it belongs under "${group}"`;
  return `unknown key; the nearest is "${nearest(key, Object.keys(Profile.shape))}"`;
}

function toContent(file: string, read: () => unknown): unknown {
  try {
    return read() ?? {};
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw invalid(file, [{ line: 1, path: "", message }], cause);
  }
}

/** Where the key at this path begins, or the nearest of its parents that is there. */
function startOf(root: unknown, path: Path): number {
  let node: unknown = root;
  let start = offset(root);
  for (const name of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => String(key) === String(name)) : undefined;
    const next = pair ? pair.value : itemOf(node, name);
    if (next === undefined && !pair) break;
    start = pair ? offset(pair.key) : offset(next);
    node = next;
  }
  return start;
}

const itemOf = (node: unknown, name: PropertyKey): unknown =>
  typeof name === "number" && typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items)
    ? node.items[name]
    : undefined;
const offset = (node: unknown): number => (node as Node | undefined)?.range?.[0] ?? 0;
const dotted = (path: Path): string => path.map(String).join(".");

function invalid(file: string, found: readonly (FieldError & { line: number })[], cause?: unknown): AppError {
  const all = found.map(({ line, path, message }) => `line ${line}: ${path === "" ? "" : `${path}: `}${message}`);
  const errors = found.map(({ path, message }) => ({ path, message }));
  return new AppError("profile_invalid", `${file}, ${all.join("; ")}`, { errors, cause });
}
