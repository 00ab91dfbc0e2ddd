import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { removeDurably, writeDurably } from "../shared/durable-file.node.ts";
import type { NewEvent } from "../shared/event.ts";
import { type Job, type JobPatch, JobProgress } from "../shared/job.ts";
import type { Checkpoints } from "./keep-checkpoints.ts";
import type { JobPlaces } from "./places.ts";
import type { Placed } from "./setup/placed.ts";

/** What became of the work: facts for the job and its log. */
export type Published = Readonly<{ patch: JobPatch; events: readonly NewEvent[]; warnings: readonly string[] }>;

/** What publishing needs of an attempt. */
export type Publication = Readonly<{
  /** As it will be: with Claude's end. */
  job: Job;
  /** Asked right before what cannot be undone. @throws LeaseLost */
  prove: () => Promise<void>;
  signal: AbortSignal;
  /** The job has failed, and its work is shown as unfinished, whatever the profile says of drafts. */
  draft?: boolean;
}>;

type Note = (warnings: readonly string[]) => void;

/** Where a job works: a worktree of its repository, or a private folder. */
export type Workplace = Readonly<{
  path: string;
  branch?: string;
  /** What its worktree was made from, by its name in the repository. */
  baseRef?: string;
  /** Author of commits; absent: whoever is configured. */
  identity?: Readonly<{ name: string; email: string }>;
  /** Other folders that its tools must write: the worktree's git data. */
  visible: readonly string[];
  /** And what they must read: the objects that the mirror borrows. */
  readable: readonly string[];
  /** The work of an earlier attempt goes on: its tree, or what it had pushed. */
  continued: boolean;
  /** And it is as that attempt left it on this box. */
  here: boolean;
  /** What the job before this one had put into a prepared tree, and its set-up. */
  before?: Placed;
  /** All that earlier attempts did is here. */
  holdsWork: boolean;
  warnings: readonly string[];
  /** How Claude had ended well then, which the store may not have heard of. */
  ended?: JobPatch;
  /** Keeps the state of the tree while Claude works, for whoever goes on elsewhere. */
  keepCheckpoints?: (order: Readonly<{ prove: () => Promise<void>; note: Note; signal: AbortSignal }>) => Checkpoints;
  /** The job is over: takes them away. Never throws. */
  dropCheckpoints?: () => Promise<void>;
  /** Notes what was put here beside the work, for whoever works here later. */
  notePlaced?: () => Promise<void>;
  /** Notes here how Claude has ended well, with all that it did here; undefined before it begins again. */
  noteDone: (ended: JobPatch | undefined) => Promise<void>;
  /** Commits what Claude left, hands the branch over, and sees to its pull request. */
  publish: (publication: Publication) => Promise<Published>;
  /** `reuse`: a clean end, the tree may serve others. `keep`: the next attempt or a person wants it. */
  close: (how: "reuse" | "discard" | "keep") => Promise<void>;
}>;

/**
 * A job without a repository works in a private folder; it is kept until the job's record goes. How Claude has ended well
 * there is noted beside it, so that the work is not done twice where the store could not be told.
 */
export async function privateFolder(
  { run, work }: Pick<JobPlaces, "run" | "work">,
  continues: boolean,
): Promise<Workplace> {
  const made = await mkdir(work, { recursive: true, mode: 0o700 });
  const continued = continues && made === undefined;
  const note = join(run, "ended.json");
  const ended = continued ? await readEnded(note) : undefined;
  return {
    path: work,
    visible: [],
    readable: [],
    ...{ continued, here: continued, holdsWork: continued },
    warnings: [],
    ...(ended === undefined ? {} : { ended }),
    noteDone: (end) => (end === undefined ? removeDurably(note) : writeDurably(note, JSON.stringify(end))),
    publish: async () => ({ patch: {}, events: [], warnings: [] }),
    close: async () => undefined,
  };
}

/** Undefined where there is none, or none that can be read. */
async function readEnded(note: string): Promise<JobPatch | undefined> {
  try {
    return JobProgress.partial().parse(JSON.parse(await readFile(note, "utf8"))) as JobPatch;
  } catch {
    return undefined;
  }
}
