import { isMap, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { nearest } from "../../shared/config.ts";
import { AppError, type FieldError } from "../../shared/error.ts";
import { Profile } from "../../shared/profile.ts";

/** The content of a `profile.yml` as written: without defaults, so that a parent's values can show through. */
export type RawProfile = Readonly<Record<string, unknown>>;

/**
 * Reads and checks the text of a `profile.yml`.
 * @throws AppError `profile_invalid` that names file, line, key and what would be right.
 */
export function parseProfileFile(file: string, text: string): RawProfile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken) throw invalid(file, [{ line: lines.linePos(broken.pos[0]).line, path: "", message: broken.message }]);
  const content = toContent(file, () => document.toJS({ maxAliasCount: 100 }));
  const parsed = Profile.safeParse(content);
  if (parsed.success) return content as RawProfile;
  const lineOf = (path: Path) => lines.linePos(startOf(document.contents, path)).line;
  throw invalid(
    file,
    parsed.error.issues.flatMap(mistakes).map((one) => ({ ...one, path: dotted(one.path), line: lineOf(one.path) })),
  );
}

type Path = readonly PropertyKey[];
type Mistake = Readonly<{ path: Path; message: string }>;

const mistakes = (issue: z.core.$ZodIssue): Mistake[] =>
  issue.code === "unrecognized_keys"
    ? issue.keys.map((key) => ({ path: [...issue.path, key], message: unknownKey(issue.path, key) }))
    : [{ path: issue.path, message: issue.message }];

const groups: Readonly<Record<string, readonly string[]>> = {
  claude: Object.keys(Profile.shape.claude.unwrap().shape),
  pr: Object.keys(Profile.shape.pr.unwrap().shape),
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
