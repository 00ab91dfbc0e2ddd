import { lstat, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { removeDurably, writeDurably } from "../shared/durable-file.node.ts";
import { eventTypes, type NewEvent } from "../shared/event.ts";
import { AttemptReason, JobId, type JobPatch, JobProgress, Timestamp } from "../shared/job.ts";
import type { Ending, Lease, Release } from "../shared/store.ts";
import { RunnerIdentity } from "./process/run-file.ts";
import type { Attempt } from "./process/sweep.ts";

const told = {
  patch: JobProgress.partial(),
  events: z.array(z.object({ type: z.enum(eventTypes), data: z.record(z.string(), z.unknown()) })),
  firstEvent: z.int().nonnegative(),
};
const Schema = z.object({
  lease: z.object({ job: JobId, runner: z.string().min(1).max(500), fence: z.int().positive() }),
  /** Who tries to tell it; when that one is gone, somebody else does. */
  runner: RunnerIdentity,
  /** Wall clock, milliseconds: delays count from here. */
  at: z.number(),
  leaseMs: z.number().positive(),
  end: z.union([
    z.object({ finish: z.object({ status: z.enum(["succeeded", "failed", "cancelled"]), ...told }) }),
    z.object({
      release: z.object({
        reason: AttemptReason.exclude(["ended"]),
        delayMs: z.number().nonnegative().optional(),
        waiting: z.object({ reason: z.string(), until: Timestamp }).optional(),
        ...told,
      }),
    }),
  ]),
});

type Whole<T> = T & Readonly<{ patch: JobPatch; events: readonly NewEvent[]; firstEvent: number }>;
/** How an attempt ended, as it is to be told to the store under the attempt's fence, whenever that is possible. */
export type EndingFile = Readonly<{
  lease: Lease;
  runner: RunnerIdentity;
  at: number;
  leaseMs: number;
  end: Readonly<{ finish: Whole<Ending> }> | Readonly<{ release: Whole<Release> }>;
}>;

/** Writes `{endings}/{job}.{fence}.json`; when this resolves, it outlives the process and a power cut. */
export const writeEnding = (endings: string, file: EndingFile): Promise<void> =>
  writeDurably(pathOf(endings, file.lease), JSON.stringify(file));

/** Once the store has answered; there may be none. */
export const removeEnding = (endings: string, attempt: Attempt): Promise<void> =>
  removeDurably(pathOf(endings, attempt));

export type EndingFiles = Readonly<{
  files: readonly EndingFile[];
  /** Paths of files that hold something else: set aside, each once. */
  broken: readonly string[];
}>;

/** All endings that nobody has confirmed. One that cannot be understood breaks no other. */
export async function readEndings(endings: string): Promise<EndingFiles> {
  const names = (await readdir(endings).catch(() => [])).filter((name) => /^[0-9a-f-]{36}\.\d{1,15}\.json$/.test(name));
  const files: EndingFile[] = [];
  const broken: string[] = [];
  for (const name of names) {
    const path = join(endings, name);
    const file = await readEnding(endings, path);
    if (file) files.push(file);
    else if (await rename(path, `${path}.broken`).then(isDone, isNotDone)) broken.push(`${path}.broken`);
  }
  return { files, broken };
}

async function readEnding(endings: string, path: string): Promise<EndingFile | undefined> {
  try {
    const { size, isFile } = await lstat(path).then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
    if (!isFile || size > maxBytes) return undefined;
    const file = Schema.parse(JSON.parse(await readFile(path, "utf8"))) as EndingFile;
    return pathOf(endings, file.lease) === path ? file : undefined;
  } catch {
    return undefined;
  }
}

const isDone = () => true;
const isNotDone = () => false;
/** Twice what an attempt can leave untold, in its longest spelling. */
const maxBytes = 64 * 1024 * 1024;
const pathOf = (endings: string, { job, fence }: Attempt): string => join(endings, `${job}.${fence}.json`);
