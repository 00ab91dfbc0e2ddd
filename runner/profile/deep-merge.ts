export type Tree = Readonly<Record<string, unknown>>;

/** `over` wins key by key; mappings are merged, everything else (lists too) is replaced. */
export function deepMerge(base: Tree, over: Tree): Tree {
  return merged((_path, _below, value) => value)(base, over);
}

/**
 * Settings of Claude Code laid over others: as `deepMerge`, but hooks and the lists that forbid or ask (`permissions.deny`,
 * `permissions.ask`, `disabledMcpjsonServers`, `sandbox.filesystem.denyWrite`…) keep what is below them. So no child loses
 * a rule or a hook of its parent by having some of its own.
 */
export function mergeSettings(base: Tree, over: Tree): Tree {
  return merged((path, below, value) =>
    isKept(path) && Array.isArray(below) && Array.isArray(value) ? union(below, value) : value,
  )(base, over);
}

type Path = readonly string[];
type Choose = (path: Path, below: unknown, value: unknown) => unknown;

const merged =
  (choose: Choose, path: Path = []) =>
  (base: Tree, over: Tree): Tree => {
    const changed = Object.entries(over).map(([key, value]) => {
      const below = Object.hasOwn(base, key) ? base[key] : undefined;
      const here = [...path, key];
      return [
        key,
        isTree(below) && isTree(value) ? merged(choose, here)(below, value) : choose(here, below, value),
      ] as const;
    });
    return { ...base, ...Object.fromEntries(changed) };
  };

const isKept = (path: Path): boolean => path[0] === "hooks" || /^(ask|deny|denied|disabled)/.test(path.at(-1) ?? "");

/** Each entry once: a generated file repeats what it was made of. */
const union = (below: readonly unknown[], more: readonly unknown[]): unknown[] => {
  const seen = new Set(below.map((entry) => JSON.stringify(entry)));
  return [...below, ...more.filter((entry) => !seen.has(JSON.stringify(entry)))];
};

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `null` says that there is none: it takes a parent's value away. */
export const withoutNulls = (tree: Tree): Tree =>
  Object.fromEntries(
    Object.entries(tree).flatMap(([key, value]) =>
      value === null ? [] : [[key, isTree(value) ? withoutNulls(value) : value]],
    ),
  );
