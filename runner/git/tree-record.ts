import { constants, copyFile, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type JobPatch, JobProgress } from "../../shared/job.ts";

/** What we know of a worktree of ours. Kept in our own folder: what the tree itself says is not believed. */
export const TreeRecord = z.object({
  jobId: z.string(),
  key: z.string(),
  repoUrl: z.string(),
  path: z.string(),
  /** Name of its folder under `worktrees/` of the mirror. */
  admin: z.string().regex(/^[A-Za-z0-9._-]+$/),
  branch: z.string(),
  baseRef: z.string(),
  baseSha: z.string(),
  identity: z.object({ name: z.string(), email: z.string() }),
  state: z.enum(["live", "kept", "pool"]),
  /** False once a job of this tree was lost: such a tree never goes into the pool. */
  clean: z.boolean(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  changedAt: z.number(),
  /** Unlike that of any other attempt that opened the tree: an earlier one that wakes up late has lost it. */
  opening: z.string().optional(),
  /** The commit that the repository has from us. */
  pushed: z.string().optional(),
  /** Each commit that was, or was about to be, told of as the job's. */
  commits: z.array(z.string()).optional(),
  /** All that the job's Claude did is in this tree: set when it has ended well, taken back when it works again. */
  done: z.boolean().optional(),
  /** And how it ended, for the next attempt, should the store not have heard of it. */
  ended: (JobProgress.partial() as z.ZodType<JobPatch>).optional(),
  /** Made for later jobs: it is nobody's to take away but of who removes it by its id. */
  prepared: z.boolean().optional(),
  /** Of such a one: the job that works in it, or did last. What is said of being done is said of that job. */
  user: z.string().optional(),
  /** And what was ever put beside the work there, which is never part of it. */
  placed: z
    .object({ files: z.array(z.string()), folders: z.array(z.string()), contents: z.array(z.string()).optional() })
    .optional(),
});
export type TreeRecord = z.infer<typeof TreeRecord>;

export const recordFile = (folder: string, name: string): string => join(folder, `${name}.json`);
export const indexFile = (folder: string, name: string): string => join(folder, `${name}.index`);

export async function writeRecord(folder: string, name: string, record: TreeRecord): Promise<void> {
  const path = recordFile(folder, name);
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Undefined when there is none, or none that can be read. */
export async function findRecord(folder: string, name: string): Promise<TreeRecord | undefined> {
  try {
    return TreeRecord.parse(JSON.parse(await readFile(recordFile(folder, name), "utf8")));
  } catch {
    return undefined;
  }
}

/** The same, as long as nobody has opened the tree again. */
export async function findOwnRecord(
  folder: string,
  { jobId, opening }: Pick<TreeRecord, "jobId" | "opening">,
): Promise<TreeRecord | undefined> {
  const record = await findRecord(folder, jobId);
  return record?.opening === opening ? record : undefined;
}

export async function listRecords(folder: string): Promise<readonly TreeRecord[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  const found = await Promise.all(names.map((name) => findRecord(folder, name.slice(0, -5))));
  return found.filter((record) => record !== undefined);
}

export async function dropRecord(folder: string, name: string): Promise<void> {
  await Promise.all([recordFile, indexFile].map((file) => rm(file(folder, name), { force: true })));
}

/**
 * Copies an index with its time, which git compares with the files' (racy-git): a later one would make changes
 * within the same second invisible. An index of ours is trusted, one that an agent could write is not: it may
 * call a changed file unchanged, or name files outside of the tree.
 */
export async function copyIndex(from: string, to: string): Promise<void> {
  const { atimeMs, mtimeMs } = await stat(from);
  await rm(to, { recursive: true, force: true });
  await copyFile(from, to, constants.COPYFILE_EXCL);
  await utimes(to, Math.floor(atimeMs) / 1_000, Math.floor(mtimeMs) / 1_000);
}
