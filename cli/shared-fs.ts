import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, chmod, constants, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeSharedRoot } from "../runner/shared-root.ts";
import { AppError } from "../shared/error.ts";

type Probe = Readonly<{ name: string; ok: boolean; says: string }>;

/**
 * Makes the folders that runners share, again and again if need be, and tries out there what git and we rely on.
 * @returns the folders and what was tried; what is not `ok` there is worth knowing and no hindrance.
 * @throws AppError `setup_failed` with the folder and the reason where runners could not work there.
 */
export async function prepareSharedFs(
  root: string,
): Promise<Readonly<{ folders: readonly string[]; checks: readonly Probe[] }>> {
  try {
    const folders = await makeSharedRoot(root);
    for (const folder of folders) {
      // Also a folder that was there before: what is in it are logins and other people's code.
      await chmod(folder, 0o700);
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    }
    const trial = join(root, `.trial-${randomUUID()}`);
    await mkdir(trial, { mode: 0o700 });
    try {
      return { folders, checks: [await oneDisk(root, folders), ...(await tried(trial, folders))] };
    } finally {
      await rm(trial, { recursive: true, force: true });
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("setup_failed", `${root} cannot be made ready: ${(error as Error).message}`, {
      remedy: "Check that the shared file system is mounted and that this user may write there.",
      cause: error,
    });
  }
}

const refused = (sentence: string) =>
  new AppError("setup_failed", sentence, { remedy: "Use another file system, or other mount options (see nfs(5))." });

/** What is moved from one of the folders to another must not be copied. */
async function oneDisk(root: string, folders: readonly string[]): Promise<Probe> {
  const { dev } = await stat(root);
  for (const folder of folders)
    if ((await stat(folder)).dev !== dev)
      throw refused(`${folder} is on another file system than ${root}: it cannot be shared in one piece.`);
  return { name: "file system", ok: true, says: "all folders are on one file system" };
}

async function tried(trial: string, folders: readonly string[]): Promise<readonly Probe[]> {
  const file = join(trial, "file");
  await writeFile(file, "one", { flag: "wx" });
  const again = await writeFile(file, "two", { flag: "wx" }).catch((error: NodeJS.ErrnoException) => error.code);
  if (again !== "EEXIST" || (await readFile(file, "utf8")) !== "one")
    throw refused("A file that must not exist yet was made twice (O_EXCL): git's locks would not hold here.");
  const moved = join(folders[0] ?? trial, `.trial-${randomUUID()}`);
  await writeFile(join(trial, "next"), "two");
  await rename(join(trial, "next"), file);
  await rename(file, moved);
  const text = await readFile(moved, "utf8");
  await rm(moved);
  if (text !== "two")
    throw refused("A file that was renamed over another is not the new one: git would lose refs here.");
  await chmod(trial, 0o711);
  if (((await stat(trial)).mode & 0o777) !== 0o711)
    throw refused("Permissions are not kept here: logins and code would be open to other users.");
  const holds = await flockHolds(join(trial, "lock"));
  return [
    { name: "O_EXCL", ok: true, says: "a file is made by one only" },
    { name: "rename", ok: true, says: "a rename replaces a file as a whole" },
    { name: "permissions", ok: true, says: "permissions are kept" },
    {
      name: "flock",
      ok: holds,
      says: holds
        ? "flock(2) keeps the processes of this machine apart"
        : "flock(2) does not hold here. Runners do not need it: their locks are on their own disk and in Redis.",
    },
  ];
}

/** Whether a second open of the file is kept out while the first has the lock. */
async function flockHolds(path: string): Promise<boolean> {
  const first = await open(path, "a", 0o600);
  const second = await open(path, "a", 0o600);
  try {
    return (await flock(first.fd)) === 0 && (await flock(second.fd)) === 1;
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}

/** The exit code of flock(1): 0 it has the lock, 1 somebody else does. */
const flock = (fd: number) =>
  new Promise<number | null>((resolve) => {
    spawn("flock", ["-x", "-n", "3"], {
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "ignore", "ignore", fd],
      timeout: 10_000,
    })
      .once("error", () => resolve(null))
      .once("exit", resolve);
  });
