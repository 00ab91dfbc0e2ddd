import { spawn } from "node:child_process";
import { once } from "node:events";
import type { FileHandle } from "node:fs/promises";
import { headBytes, tailBytes } from "./keep-record.ts";

/** Gives disk space back behind a reader. */
export interface Cutter {
  /** What lies before `offset` is not read again. */
  readUpTo(offset: number): void;
  /** Resolves when no cut is under way. */
  idle(): Promise<void>;
}

/**
 * Frees the file's blocks each time `everyBytes` more were read, all but the first MiB and the last 4 MiB.
 * It punches a hole (fallocate(2), FALLOC_FL_PUNCH_HOLE) and does not truncate: between looking at the size and
 * truncating, the writer could append a line, which would be lost. The size thus counts all that was ever written.
 * Where the file system cannot do it, nothing is freed until the job's end.
 */
export function cutBehind(file: FileHandle, everyBytes: number): Cutter {
  let freed = headBytes;
  let cutting: Promise<void> | undefined;
  let works = true;
  let wanted = 0;
  const isDue = () => works && wanted - freed >= everyBytes;
  /** The reader goes on meanwhile, so after one cut the next may be due. */
  const cut = async () => {
    while (isDue()) {
      const to = wanted - (wanted % blockBytes);
      works = await punchHole(file, freed, to - freed);
      freed = to;
    }
    cutting = undefined;
  };
  return {
    readUpTo(offset) {
      wanted = offset - tailBytes;
      if (!cutting && isDue()) cutting = cut();
    },
    idle: async () => await cutting,
  };
}

/** Holes begin and end at blocks; a part of one would be written with zeros. */
const blockBytes = 4096;

async function punchHole(file: FileHandle, offset: number, length: number): Promise<boolean> {
  const args = ["--punch-hole", "--offset", String(offset), "--length", String(length), "/proc/self/fd/3"];
  const options = { env: { PATH: "/usr/bin:/bin" }, stdio: ["ignore", "ignore", "ignore", file.fd] } as const;
  const child = spawn("fallocate", args, { ...options, stdio: [...options.stdio] });
  const [code] = await once(child, "exit").catch(() => [1]);
  return code === 0;
}
