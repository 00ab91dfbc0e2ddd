import type { Key, Surroundings } from "./config-key.ts";
import { type Config, type ConfigName, configKeys } from "./config-keys.ts";
import { AppError, type FieldError } from "./error.ts";
import { withoutPassword } from "./redact.ts";

/** Where a value came from, in words: `AGENTICORE_PORT`, `server.port in …/config.yml`, `default`. */
export type Origins = Readonly<Record<ConfigName, string>>;
export type Sources = Readonly<{
  env: Readonly<Record<string, string | undefined>>;
  /** The parsed YAML file and its name; absent where there is no file. */
  file?: Readonly<{ name: string; content: unknown }>;
  at: Surroundings;
}>;

/**
 * Environment over YAML over default, for every key; an empty variable is unset.
 * @throws AppError `invalid_request` that names each wrong key, its source and what is allowed.
 */
export function resolveConfig(sources: Sources): { config: Config; origins: Origins } {
  const tree = asTree(sources);
  const errors: FieldError[] = unknownKeys(tree, sources.file?.name ?? "");
  const at = { ...sources.at, shared: sharedRoot(sources, tree) };
  const config: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const [name, key] of Object.entries<Key>(configKeys)) {
    const found = find(key, sources, tree);
    origins[name] = found?.origin ?? "default";
    if (!found) {
      config[name] = key.initial(at);
      continue;
    }
    const parsed = key.schema.safeParse(found.value);
    if (parsed.success) config[name] = parsed.data;
    else
      errors.push({
        path: found.origin,
        message: `${parsed.error.issues[0]?.message ?? "is wrong"}${shown(key, found.value)}`,
      });
  }
  if (errors.length > 0) {
    const all = errors.map((error) => `${error.path}: ${error.message}`).join("; ");
    throw new AppError("invalid_request", `The configuration is not valid: ${all}`, {
      errors,
      remedy: "Mend these keys; `agenticore config` shows where each value comes from.",
    });
  }
  return { config: config as Config, origins: origins as Origins };
}

type Tree = Readonly<Record<string, unknown>>;
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

function asTree({ file }: Sources): Tree {
  if (!file || file.content === null || file.content === undefined) return {};
  if (isTree(file.content)) return file.content;
  throw new AppError(
    "invalid_request",
    `${file.name} must hold keys and values, not ${Array.isArray(file.content) ? "a list" : "one value"}.`,
    { remedy: "Mend the file, or name another one in AGENTICORE_CONFIG." },
  );
}

/** Other keys have their defaults below it. */
function sharedRoot(sources: Sources, tree: Tree): string | undefined {
  const value = find(configKeys.sharedFsRoot, sources, tree)?.value;
  return typeof value === "string" ? value.trim().replace(/\/+$/, "") : undefined;
}

function find(key: Key, { env, file }: Sources, tree: Tree): { value: unknown; origin: string } | undefined {
  for (const name of key.env) {
    const value = env[name];
    if (value !== undefined && value.trim() !== "") return { value, origin: name };
  }
  const value = key.yaml.split(".").reduce<unknown>((node, part) => (isTree(node) ? node[part] : undefined), tree);
  return value === undefined || value === null || value === ""
    ? undefined
    : { value, origin: `${key.yaml} in ${file?.name}` };
}

const shown = (key: Key, value: unknown) =>
  key.isSecret || typeof value === "object"
    ? ""
    : ` (it is ${JSON.stringify(typeof value === "string" ? withoutPassword(value) : value)})`;

function unknownKeys(tree: Tree, fileName: string): FieldError[] {
  const known = Object.values<Key>(configKeys).map((key) => key.yaml);
  return leaves(tree, "").flatMap(([path, value]) => {
    // What lies below a known key is that key's value, which its schema judges.
    if (known.some((name) => path === name || path.startsWith(`${name}.`))) return [];
    const below = known.filter((name) => name.startsWith(`${path}.`)).map((name) => name.slice(path.length + 1));
    if (below.length > 0 && isEmpty(value)) return [];
    const message =
      below.length > 0
        ? `must hold keys below it: ${below.join(", ")}`
        : `unknown key; the nearest is ${nearest(path, known)}`;
    return [{ path: `${path} in ${fileName}`, message }];
  });
}

/** A section of which nothing is said: every key of it may be commented out. */
const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === "" || (isTree(value) && Object.keys(value).length === 0);

const leaves = (tree: Tree, prefix: string): (readonly [path: string, value: unknown])[] =>
  Object.entries(tree).flatMap(([name, value]) =>
    isTree(value) && Object.keys(value).length > 0
      ? leaves(value, `${prefix}${name}.`)
      : [[`${prefix}${name}`, value] as const],
  );

/** The known name with the smallest edit distance. */
export const nearest = (name: string, known: readonly string[]): string =>
  known.reduce(
    (best, candidate) => (distance(name, candidate) < distance(name, best) ? candidate : best),
    known[0] ?? "",
  );

/** Levenshtein's edit distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (left === right ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
