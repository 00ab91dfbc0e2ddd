import { randomUUID } from "node:crypto";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/**
 * Replaces the file as a whole. When this resolves, the new text outlives a power cut: file and folder are synced
 * (fsync(2): the file alone says nothing of its name). Files are 0600, folders that are missing 0700.
 */
export const writeDurably = (path: string, text: string): Promise<void> =>
  put(path, text, (draft) => rename(draft, path));

/** The same, but an existing file stays as it is. @returns whether the file was made by this call. */
export async function createDurably(path: string, text: string): Promise<boolean> {
  try {
    await put(path, text, (draft) => link(draft, path));
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Gone, and gone also after a power cut; there may be no such file. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

export const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

async function put(path: string, text: string, name: (draft: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.${randomUUID()}.tmp`);
  await makeFolder(folder);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await name(draft);
    await syncFolder(folder);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The first folder that had to be made stands in one that is synced too. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const last = dirname(resolve(first));
  for (let made = resolve(folder); made.length > last.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, "r").catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  });
  try {
    await opened?.sync();
  } finally {
    await opened?.close();
  }
}
