import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Job, JobId, Timestamp } from "../../job.ts";

/** A job as its file holds it: what people see, whose it is, and when that was so. */
export const JobCopy = z.object({ ...Job.shape, as_of: Timestamp, tenant: z.string().optional() });
export type JobCopy = Readonly<z.infer<typeof JobCopy>>;

export type JobFolder = ReturnType<typeof openJobFolder>;

/** A folder (0700) of `{id}.json` files (0600), each replaced as a whole, so that no reader sees half of one. */
export function openJobFolder(dir: string) {
  /** Nothing but a UUID ever becomes part of a path. */
  const pathOf = (id: string): string | undefined => {
    const known = JobId.safeParse(id);
    return known.success ? join(dir, `${known.data}.json`) : undefined;
  };

  /** Undefined where there is no file, or none that can be understood. */
  const read = async (id: string): Promise<JobCopy | undefined> => {
    const path = pathOf(id);
    const text = path && (await readFile(path, "utf8").catch(() => undefined));
    const copy = text === undefined ? undefined : JobCopy.safeParse(parsed(text));
    return copy?.success && copy.data.id === id ? copy.data : undefined;
  };

  const write = async (copy: JobCopy): Promise<void> => {
    const path = pathOf(copy.id);
    if (path === undefined) return;
    const temporary = join(dir, `.${copy.id}.${randomUUID()}.tmp`);
    const text = `${JSON.stringify(copy, undefined, 2)}\n`;
    try {
      await writeFile(temporary, text, { mode: 0o600 }).catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        await mkdir(dir, { recursive: true, mode: 0o700 });
        await writeFile(temporary, text, { mode: 0o600 });
      });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
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
      const made = await stat(join(dir, name)).catch(() => undefined);
      if (made && made.mtimeMs < before) await rm(join(dir, name), { force: true });
    }
  };
  return { read, write, remove, ids, removeTemporary };
}

const isAbsent = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
