import { isTree } from "./deep-merge.ts";

/**
 * A JSON value of agentihooks with its placeholders filled in: `/app` at the beginning of a path is the folder that holds
 * its `profiles/`, `__PYTHON__` is `python3`. `/apple`, `/srv/app` and `/app-data` are other paths and stay.
 */
export function fillIn(value: unknown, root: string): unknown {
  if (typeof value === "string") return value.replace(appPath, () => root).replace(/__PYTHON__/g, "python3");
  if (Array.isArray(value)) return value.map((entry) => fillIn(entry, root));
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fillIn(entry, root)]));
}

const appPath = /(?<![\w./~$}-])\/app(?![\w.-])/g;
