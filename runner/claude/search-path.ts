import { isAbsolute, sep } from "node:path";

/**
 * PATH as the person has it, for Claude and its tools: without what npm and npx put in front
 * (`node_modules/.bin`, `node-gyp-bin`), without folders of our own package, and without relative or
 * empty entries, which would be looked up in the worktree.
 */
export function ownPath(path: string, packageRoot: string): string {
  const entries = path.split(":").filter((entry) => isAbsolute(entry) && !isOurs(entry, packageRoot));
  return [...new Set(entries)].join(":") || "/usr/local/bin:/usr/bin:/bin";
}

const isOurs = (entry: string, packageRoot: string): boolean => {
  const folder = entry.replace(/\/+$/, "");
  return (
    /\/node_modules\/\.bin$|\/node-gyp-bin$/.test(folder) ||
    folder === packageRoot ||
    folder.startsWith(packageRoot.replace(/\/*$/, sep))
  );
};
