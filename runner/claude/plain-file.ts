import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a file for reading that an agent may exchange at any moment: no link is followed in its last step, and a pipe in a
 * file's place does not hold us up until somebody writes to it (open(2), O_NONBLOCK).
 * @throws Error of node:fs; with the code ENOENT also for what is no plain file.
 */
export async function openPlainFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw Object.assign(new Error(`${path} is no plain file`), { code: "ENOENT" });
}
