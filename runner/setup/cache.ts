import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Setup } from "../../shared/setup.ts";
import { removeFolder } from "../remove-folder.ts";
import { folderFor, kindInside } from "./inside.ts";

const execute = promisify(execFile);

type Facts = Readonly<{
  setup: Setup;
  worktree: string;
  /** The repository and its base ref: what one branch makes is not what another is given. */
  scope: readonly string[];
  /** What the command is given beside files. */
  variables: Readonly<Record<string, string>>;
}>;

/**
 * What decides whether folders that a set-up made fit: the set-up itself, the files it names, repository and base ref,
 * variables, and the kind of machine. Undefined where nothing is kept.
 */
export async function cacheKey({ setup, worktree, scope, variables }: Facts): Promise<string | undefined> {
  if (setup.outputs.length === 0) return undefined;
  const files = await Promise.all(
    setup.cache_key.map(async (path) =>
      (await kindInside(worktree, path)) === "file" ? sha256(await readFile(join(worktree, path))) : "none",
    ),
  );
  const machine = [process.platform, process.arch, process.getuid?.()];
  return sha256(JSON.stringify([2, setup, files, scope, Object.entries(variables).toSorted(), machine]));
}

/** What an attempt has done need not be done again by the next one, whatever the agent did to the named files since. */
export const doneKey = ({ setup, variables }: Pick<Facts, "setup" | "variables">): string =>
  sha256(JSON.stringify([setup, Object.entries(variables).toSorted()]));

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** Puts the folders that are kept under the key into the worktree. False where none are, or they do not go in. */
export async function seed(cache: string, key: string, { setup, worktree }: Facts): Promise<boolean> {
  const kept = join(cache, key);
  if (!(await stat(kept).catch(() => undefined))) return false;
  const now = new Date();
  await utimes(kept, now, now).catch(() => undefined);
  for (const [at, path] of setup.outputs.entries()) {
    const free = (await folderFor(worktree, path)) && (await kindInside(worktree, path)) === undefined;
    if (free && (await copyTree(join(kept, String(at)), join(worktree, path)))) continue;
    for (const done of setup.outputs.slice(0, at + (free ? 1 : 0)))
      await rm(join(worktree, done), { recursive: true, force: true });
    return false;
  }
  return true;
}

/** Keeps what the set-up has made, before an agent is there. False where an output is not a folder, or cannot be copied. */
export async function keep(cache: string, key: string, { setup, worktree }: Facts): Promise<boolean> {
  const draft = join(cache, `${key}.${process.pid}.new`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    for (const [at, path] of setup.outputs.entries()) {
      if ((await kindInside(worktree, path)) !== "folder") return false;
      if (!(await copyTree(join(worktree, path), join(draft, String(at))))) return false;
    }
    // Another job may have kept the same meanwhile: then this one goes.
    return await rename(draft, join(cache, key)).then(
      () => true,
      () => false,
    );
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** By reference where the file system can (cp(1), --reflink), else byte by byte; links stay links. */
const copyTree = async (from: string, to: string): Promise<boolean> =>
  await execute("cp", ["--archive", "--reflink=auto", "--no-target-directory", "--", from, to], {
    env: { PATH: "/usr/bin:/bin" },
  }).then(
    () => true,
    () => false,
  );

const mostKept = 20;
const unusedMs = 14 * 24 * 3_600_000;

/** Takes away what was not used for two weeks, all but the 20 last used, and what a crash left half copied. */
export async function sweepSetups(cache: string, nowMs: number): Promise<void> {
  const names = await readdir(cache).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(cache, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  const drafts = found.filter(({ name, at }) => name.endsWith(".new") && nowMs - at > 3_600_000);
  const kept = found.filter(({ name }) => !name.endsWith(".new")).toSorted((a, b) => b.at - a.at);
  const old = kept.filter(({ at }, place) => place >= mostKept || nowMs - at > unusedMs);
  for (const { name } of [...drafts, ...old]) {
    const going = join(cache, name.endsWith(".new") ? name : `${name}.gone.new`);
    if (!name.endsWith(".new")) await rename(join(cache, name), going).catch(() => undefined);
    await removeFolder(going);
  }
}
