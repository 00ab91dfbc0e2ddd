import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** What is kept of a job's output: its beginning and its end. */
export const headBytes = 1024 * 1024;
export const tailBytes = 4 * 1024 * 1024;

/**
 * Turns the output file `{runDir}/{name}` into its record: `{name}.head`, its first MiB, and `{name}.tail`, up to
 * 4 MiB of what follows, to the end. The file itself goes. Safe to repeat, also by a runner that found it after a crash.
 */
export async function keepRecord(runDir: string, name: "out" | "err"): Promise<void> {
  const path = join(runDir, name);
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return;
  try {
    const { size } = await file.stat();
    await copyPart(file, `${path}.head`, { from: 0, to: Math.min(size, headBytes) });
    const from = Math.max(headBytes, size - tailBytes);
    if (size > from) await copyPart(file, `${path}.tail`, { from, to: size });
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
}

/** One end of a record or of a file not yet turned into one, as text: for a message to people. */
export async function readTail(runDir: string, name: "out" | "err", bytes: number): Promise<string> {
  for (const path of [name, `${name}.tail`, `${name}.head`].map((part) => join(runDir, part))) {
    const file = await open(path, "r").catch(() => undefined);
    if (!file) continue;
    try {
      const { size } = await file.stat();
      const from = Math.max(0, size - bytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  }
  return "";
}

async function copyPart(file: FileHandle, target: string, { from, to }: { from: number; to: number }): Promise<void> {
  const buffer = Buffer.allocUnsafe(256 * 1024);
  await using copy = await open(target, "w", 0o600);
  for (let at = from; at < to; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) return;
    await copy.write(buffer, 0, bytesRead);
    at += bytesRead;
  }
}
