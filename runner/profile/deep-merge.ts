type Tree = Readonly<Record<string, unknown>>;

/** `over` wins key by key; mappings are merged, everything else (lists too) is replaced. */
export function deepMerge(base: Tree, over: Tree): Tree {
  const merged = Object.entries(over).map(([key, value]) => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isTree(below) && isTree(value) ? deepMerge(below, value) : value] as const;
  });
  return { ...base, ...Object.fromEntries(merged) };
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);
