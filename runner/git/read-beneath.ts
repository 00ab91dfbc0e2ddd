import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";

/** A file of a tree as git keeps it. */
export type Blob = Readonly<{ mode: "100644" | "100755" | "120000"; bytes: Buffer }>;

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A pipe in a file's place must not hold us up. */
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file below a folder in which an agent may be at work: each step goes from an open folder to the next, and over no
 * link, so that what is swapped meanwhile never leads out of it (open(2), proc(5)). `path` is bytes as latin1.
 * @returns undefined for what is no plain file or link, not there any more, or longer than `most` bytes.
 */
export async function readBeneath(root: string, path: string, most: number): Promise<Blob | undefined> {
  const names = path.split("/");
  if (names.some((name) => name === "" || name === "." || name === "..")) return undefined;
  const opened: FileHandle[] = [];
  try {
    let folder = await open(root, folderFlags);
    opened.push(folder);
    for (const name of names.slice(0, -1)) {
      folder = await open(inside(folder, name), folderFlags);
      opened.push(folder);
    }
    const leaf = inside(folder, names.at(-1) ?? "");
    const target = await readlink(leaf, "buffer").catch(() => undefined);
    if (target !== undefined) return { mode: "120000", bytes: target };
    const file = await open(leaf, fileFlags);
    opened.push(file);
    const info = await file.stat();
    if (!info.isFile() || info.size > most) return undefined;
    const bytes = Buffer.alloc(info.size);
    const { bytesRead } = await file.read(bytes, 0, info.size, 0);
    return { mode: info.mode & 0o100 ? "100755" : "100644", bytes: bytes.subarray(0, bytesRead) };
  } catch {
    return undefined;
  } finally {
    for (const handle of opened) await handle.close();
  }
}

const inside = ({ fd }: FileHandle, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), Buffer.from(name, "latin1")]);
