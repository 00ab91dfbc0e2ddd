import { existsSync, realpathSync } from "node:fs";
import { AppError } from "../../shared/error.ts";

/** What a job may see of the disk beside the system itself. All paths are absolute. */
export type View = Readonly<{
  /** Folders and files that stay visible and writable although they lie below a hidden one. */
  visible: readonly string[];
  /** The same, but not writable. */
  readable?: readonly string[];
  /** Folders that become empty; those that do not exist are passed over. */
  hidden: readonly string[];
  /** The job's own temporary folder: it is also seen as /tmp. */
  tmp: string;
}>;

/** One step of job-init.sh: [kind, source, target]. */
export type MountStep = readonly ["hide" | "bind" | "bind-ro", string, string];

/**
 * The mounts that make `view`, in the order to do them: outer folders before inner ones.
 * @throws AppError `setup_failed` when something that must be visible is not there.
 */
export function planMounts(view: View, resolve: (path: string) => string = realpathSync): readonly MountStep[] {
  const tmp = mustExist(view.tmp, resolve);
  const hidden = view.hidden.filter((path) => existsSync(path)).map((path) => resolve(path));
  const covered = ["/tmp", ...hidden];
  const isCovered = (path: string) => covered.some((cover) => isWithin(path, cover));
  const shown = [tmp, ...view.visible.map((path) => mustExist(path, resolve))].filter(isCovered);
  const readable = (view.readable ?? []).map((path) => mustExist(path, resolve)).filter(isCovered);
  const steps: MountStep[] = [
    ["bind", tmp, "/tmp"],
    ...hidden.map((path): MountStep => ["hide", "", path]),
    ...[...new Set(shown)].map((path): MountStep => ["bind", path, path]),
    ...[...new Set(readable)].filter((path) => !shown.includes(path)).map((path): MountStep => ["bind-ro", path, path]),
  ];
  // A stable sort: what is hidden and shown at once is shown.
  return steps.toSorted(([, , a], [, , b]) => depth(a) - depth(b));
}

function mustExist(path: string, resolve: (path: string) => string): string {
  try {
    return resolve(path);
  } catch (error) {
    throw new AppError("setup_failed", `${path} does not exist, but the job needs it.`, { cause: error });
  }
}

const depth = (path: string): number => path.split("/").filter(Boolean).length;
const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
