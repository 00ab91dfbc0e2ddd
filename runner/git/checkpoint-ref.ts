import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RepoPlace } from "./repo-place.ts";

/** Where the vault keeps the state of a job's tree. */
export const checkpointRef = (jobId: string): string => `refs/agenticore/checkpoints/${jobId}`;

/** Refs of the vault are plain files: nobody packs them. */
export const readCheckpoint = async ({ vault }: RepoPlace, jobId: string): Promise<string | undefined> =>
  (await readFile(join(vault, checkpointRef(jobId)), "utf8").catch(() => undefined))?.trim();
