import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { JobId } from "../../shared/job.ts";
import type { Attempt } from "./sweep.ts";

/** A runner process beyond doubt; what is known of it when it is gone. */
export const RunnerIdentity = z.object({
  /** `{pod_name}/{random}`. */
  instance: z.string().min(1).max(500),
  /** The machine or container it ran on. */
  host: z.string().max(500),
  boot_id: z.string().max(100),
  /** Its process id means something there only. */
  pid_namespace: z.string().max(100),
  pid: z.int().positive(),
  start_time: z.int().nonnegative(),
});
export type RunnerIdentity = z.infer<typeof RunnerIdentity>;

/** What a runner notes of an attempt before it starts, for the one that finds the note after a crash. */
export const RunFile = z.object({
  job: JobId,
  fence: z.int().positive(),
  runner: RunnerIdentity,
  /** Whose lease it is, once another runner took the note over. */
  holder: z.string().min(1).max(500).optional(),
  /** The warden's; null until it was started. Its own warden.json in `run_dir` says it too. */
  pid: z.int().positive().nullable(),
  start_time: z.int().nonnegative().nullable(),
  run_dir: z.string().startsWith("/").max(4096),
  worktree_path: z.string().startsWith("/").max(4096).nullable(),
  session_id: z.uuid().nullable(),
});
export type RunFile = z.infer<typeof RunFile>;

/** Writes `{runs}/{job}.{fence}.json`, whole or not at all; overwrites. */
export async function writeRunFile(runs: string, file: RunFile): Promise<void> {
  const path = runFilePath(runs, file);
  await mkdir(runs, { recursive: true, mode: 0o700 });
  const draft = `${path}.${file.runner.pid}.new`;
  await writeFile(draft, JSON.stringify(file), { mode: 0o600 });
  await rename(draft, path);
}

/** Removes the note of an attempt; there may be none. */
export const removeRunFile = (runs: string, attempt: Attempt): Promise<void> =>
  rm(runFilePath(runs, attempt), { force: true });

export type RunFiles = Readonly<{
  files: readonly RunFile[];
  /** Names that look like run files and hold something else. */
  broken: readonly string[];
}>;

/** All notes in the folder. What is not one of ours, whole and where it says it is, is broken and breaks nothing else. */
export async function readRunFiles(runs: string): Promise<RunFiles> {
  const names = (await readdir(runs).catch(() => [])).filter((name) => /^[0-9a-f-]{36}\.\d{1,15}\.json$/.test(name));
  const read = await Promise.all(names.map(async (name) => ({ name, file: await readRunFile(runs, name) })));
  return {
    files: read.flatMap(({ file }) => file ?? []),
    broken: read.filter(({ file }) => !file).map(({ name }) => name),
  };
}

async function readRunFile(runs: string, name: string): Promise<RunFile | undefined> {
  try {
    const path = join(runs, name);
    const { size, isFile } = await lstat(path).then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
    if (!isFile || size > maxBytes) return undefined;
    const file = RunFile.parse(JSON.parse(await readFile(path, "utf8")));
    const isHere = runFilePath(runs, file) === path && resolve(file.run_dir).startsWith(`${resolve(runs)}/`);
    return isHere ? file : undefined;
  } catch {
    return undefined;
  }
}

const maxBytes = 64 * 1024;
const runFilePath = (runs: string, { job, fence }: Attempt): string => join(runs, `${job}.${fence}.json`);
