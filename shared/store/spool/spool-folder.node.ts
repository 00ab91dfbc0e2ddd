import { lstat, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import type { Clock } from "../../clock.ts";
import { createDurably, isCode, removeDurably, writeDurably } from "../../durable-file.node.ts";
import { type Job, JobId } from "../../job.ts";
import type { Log } from "../../log.ts";
import { folderNames } from "./folder-names.node.ts";
import { Cancel, Ended, Submission } from "./spooled-job.ts";

export type SpoolFolder = ReturnType<typeof openSpoolFolder>;

/** Far more than a submission can be: the body of a request ends at 1 MiB. */
const maxBytes = 8 * 1024 * 1024;

/**
 * What lies in the spool: `{id}.json` (a submission), `{id}.cancel` (asked for meanwhile), `ended/{id}.json` (it never
 * reached the store). Files are made whole and outlive a power cut. One that cannot be understood is set aside as
 * `{name}.broken`, once, with an error in the log, and keeps nobody else waiting.
 */
export function openSpoolFolder(dir: string, { log, clock }: Readonly<{ log: Log; clock: Clock }>) {
  const names = folderNames(clock.now);
  /** Nothing but a UUID ever becomes part of a path. */
  const at = (id: JobId, name: string) => join(dir, name.replace("{id}", JobId.parse(id)));
  const submission = (id: JobId) => at(id, "{id}.json");
  const cancel = (id: JobId) => at(id, "{id}.cancel");
  const ended = (id: JobId) => at(id, "ended/{id}.json");

  async function read<T>(path: string, understood: (value: unknown) => T | undefined): Promise<T | undefined> {
    const found = await lstat(path).catch(absent);
    if (!found) return undefined;
    const text = found.isFile() && found.size <= maxBytes ? await readFile(path, "utf8").catch(absent) : "";
    if (text === undefined) return undefined;
    const file = understood(json(text));
    if (file !== undefined) return file;
    await rename(path, `${path}.broken`).catch(absent);
    log.error("a file of the spool cannot be read and was set aside", { path: `${path}.broken` });
    return undefined;
  }
  const of = <S extends z.ZodType<{ job: Job }>>(id: JobId, schema: S) => {
    const fits = schema.refine(({ job }) => job.id === id);
    return (value: unknown) => fits.safeParse(value).data;
  };
  const ids = async (folder: string, ending: string): Promise<JobId[]> =>
    (await names(folder)).flatMap((name) => {
      const id = JobId.safeParse(name.endsWith(ending) ? name.slice(0, -ending.length) : "");
      return id.success ? [id.data] : [];
    });

  return {
    lock: join(dir, ".lock"),
    /** @returns false where the id is spooled already, and then nothing is changed. */
    add: (file: Submission): Promise<boolean> => createDurably(submission(file.job.id), JSON.stringify(file)),
    submission: (id: JobId) => read(submission(id), of(id, Submission)) as Promise<Submission | undefined>,
    /** The first cancel stays. */
    cancel: (id: JobId, by: Cancel): Promise<boolean> => createDurably(cancel(id), JSON.stringify(by)),
    cancelled: (id: JobId) => read(cancel(id), (value) => Cancel.safeParse(value).data) as Promise<Cancel | undefined>,
    end: (file: Ended): Promise<void> => writeDurably(ended(file.job.id), JSON.stringify(file)),
    ended: (id: JobId): Promise<Ended | undefined> => read(ended(id), of(id, Ended)),
    remove: (id: JobId): Promise<void> => removeDurably(submission(id)),
    removeCancel: (id: JobId): Promise<void> => removeDurably(cancel(id)),
    removeEnded: (id: JobId): Promise<void> => removeDurably(ended(id)),
    count: async (): Promise<number> => (await ids(dir, ".json")).length,
    /** Of submissions, oldest first: so they came, and so they are queued. */
    waiting: async (): Promise<JobId[]> => {
      const found = await Promise.all(
        (await ids(dir, ".json")).map(async (id) => ({
          id,
          made: (await lstat(submission(id)).catch(absent))?.mtimeMs,
        })),
      );
      return found.sort((a, b) => (a.made ?? 0) - (b.made ?? 0)).map(({ id }) => id);
    },
    /** What a process left behind that died while it wrote. */
    removeTemporary: async (before: number): Promise<void> => {
      for (const folder of [dir, join(dir, "ended")])
        for (const name of (await readdir(folder).catch(absent)) ?? []) {
          const made = /^\..*\.tmp$/.test(name) ? await lstat(join(folder, name)).catch(absent) : undefined;
          if (made && made.mtimeMs < before) await rm(join(folder, name), { force: true });
        }
    },
    cancels: () => ids(dir, ".cancel"),
    endings: () => ids(join(dir, "ended"), ".json"),
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function absent(error: unknown): undefined {
  if (!isCode(error, "ENOENT")) throw error;
}
