import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { Job, JobId, Timestamp } from "../../job.ts";

/** A job as its file holds it: what people see, whose it is, and when that was so. */
export const JobCopy = z.object({ ...Job.shape, as_of: Timestamp, tenant: z.string().optional() });
export type JobCopy = Readonly<z.infer<typeof JobCopy>>;

export type JobFolder = ReturnType<typeof openJobFolder>;

/** A folder (0700) of `{id}.json` files (0600), each replaced as a whole, so that no reader sees half of one. */
export function openJobFolder(given: string) {
  const dir = resolve(given);
  /** Nothing but a UUID ever becomes part of a path. */
  const pathOf = (id: string): string | undefined => {
    const known = JobId.safeParse(id);
    return known.success ? `${dir}/${known.data}.json` : undefined;
  };

  const copyIn = (text: string | undefined, id: string): JobCopy | undefined => {
    const copy = text === undefined ? undefined : JobCopy.safeParse(parsed(text));
    return copy?.success && copy.data.id === id ? copy.data : undefined;
  };
  const temporaryOf = (id: string): string => `${dir}/.${id}.${randomUUID()}.tmp`;

  /** Undefined where there is no file, or none that can be understood. */
  const read = async (id: string): Promise<JobCopy | undefined> => {
    const path = pathOf(id);
    return path === undefined ? undefined : copyIn(await textAt(path).catch(() => undefined), id);
  };

  const write = async (copy: JobCopy): Promise<void> => {
    const path = pathOf(copy.id);
    if (path === undefined) return;
    const temporary = temporaryOf(copy.id);
    const text = textOf(copy);
    try {
      await writeFile(temporary, text, { mode: 0o600, flag: "wx" }).catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        await mkdir(dir, { recursive: true, mode: 0o700 });
        await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
      });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };

  /**
   * The same two, before they return. On a disk that is quick they take a quarter of the time: most of it is what the
   * way to another thread and back costs, for each of five calls.
   */
  const readNow = (id: string): JobCopy | undefined => {
    const path = pathOf(id);
    const isThere = path !== undefined && lstatSync(path, { throwIfNoEntry: false })?.isFile();
    return isThere ? copyIn(textNow(path), id) : undefined;
  };
  const writeNow = (copy: JobCopy): void => {
    const path = pathOf(copy.id);
    if (path === undefined) return;
    const temporary = temporaryOf(copy.id);
    const text = textOf(copy);
    try {
      try {
        writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
      } catch (error) {
        if (!isAbsent(error)) throw error;
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  };

  const remove = async (id: string): Promise<void> => {
    const path = pathOf(id);
    if (path !== undefined) await rm(path, { force: true });
  };

  const ids = async (): Promise<JobId[]> =>
    (await names()).flatMap((name) => {
      const id = JobId.safeParse(name.endsWith(".json") ? name.slice(0, -5) : "");
      return id.success ? [id.data] : [];
    });
  const names = (): Promise<string[]> =>
    readdir(dir).catch((error: unknown) => {
      if (isAbsent(error)) return [];
      throw error;
    });

  /** What a process left behind that died between writing and renaming. */
  const removeTemporary = async (before: number): Promise<void> => {
    for (const name of await names()) {
      if (!name.startsWith(".") || !name.endsWith(".tmp")) continue;
      const made = await stat(`${dir}/${name}`).catch(() => undefined);
      if (made && made.mtimeMs < before) await rm(`${dir}/${name}`, { force: true });
    }
  };
  return { read, write, readNow, writeNow, remove, ids, removeTemporary };
}

const textOf = (copy: JobCopy): string => `${JSON.stringify(copy, undefined, 2)}\n`;

/** A pipe that a job has put in the place of a copy would be waited for without end, and a link followed (open(2)). */
const plainly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

async function textAt(path: string): Promise<string | undefined> {
  const file = await open(path, plainly);
  try {
    return (await file.stat()).isFile() ? await file.readFile("utf8") : undefined;
  } finally {
    await file.close();
  }
}

function textNow(path: string): string | undefined {
  const file = openSync(path, plainly);
  try {
    return fstatSync(file).isFile() ? readFileSync(file, "utf8") : undefined;
  } finally {
    closeSync(file);
  }
}

const isAbsent = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
