import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { promisify } from "node:util";
import { planMounts, type View } from "../process/mount-plan.ts";

export type BoxView = View & Readonly<{ network: boolean }>;

/** A user of its own without any capability, and nothing of the machine but what is named. */
const apart = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"];

/**
 * Options of bwrap(1): the whole disk read-only, without the sockets of the system's services; what `view` shows is
 * writable, what it hides is empty. Without network there is a loopback that nobody else is on.
 * @throws AppError `setup_failed` when something that must be visible is not there.
 */
export function bwrapOptions(view: BoxView, resolve: (path: string) => string = realpathSync): readonly string[] {
  const { visible, tmp, network } = view;
  const covered = planMounts(view, resolve);
  const writable = new Set([tmp, ...visible].map((path) => resolve(path)));
  const shown = [...writable].filter((path) => !covered.some(([, , target]) => target === path));
  const steps = [...covered, ...shown.map((path) => ["bind", path, path] as const)];
  const mounts = steps
    .toSorted(([, , a], [, , b]) => depth(a) - depth(b))
    .flatMap(([kind, source, target]) => {
      if (kind === "hide") return ["--tmpfs", target];
      return [kind === "bind" ? "--bind" : "--ro-bind", source, target];
    });
  const hidden = covered.filter(([kind, , target]) => kind === "hide" && !writable.has(target));
  return [
    ...apart,
    ...(network ? [] : ["--unshare-net"]),
    ...["--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"],
    ...nameService(resolve),
    ...mounts,
    // Writing where nothing is kept fails then, instead of being lost.
    ...["/run", ...hidden.map(([, , target]) => target)].flatMap((target) => ["--remount-ro", target]),
  ];
}

const depth = (path: string): number => path.split("/").filter(Boolean).length;

/** /etc/resolv.conf is often a link into /run. */
function nameService(resolve: (path: string) => string): readonly string[] {
  try {
    const file = resolve("/etc/resolv.conf");
    return file.startsWith("/run/") ? ["--ro-bind", file, file] : [];
  } catch {
    return [];
  }
}

/** What went wrong when a command was run in such a box, or undefined. */
export async function tryBwrap(program: string): Promise<string | undefined> {
  const options = [
    ...apart,
    "--unshare-net",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
  ];
  const run = promisify(execFile)(
    program,
    [...options, "--", "/bin/sh", "-c", "! touch /agenticore-probe 2>/dev/null"],
    {
      env: { PATH: "/usr/bin:/bin" },
      timeout: 10_000,
    },
  );
  return await run.then(
    () => undefined,
    (error: Error & { stderr?: string }) => (error.stderr?.trim() || error.message).split("\n")[0],
  );
}
