import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import { cutBehind } from "./cut-behind.ts";
import { type Line, lineSplitter } from "./split-lines.ts";

export type TailOptions = Readonly<{
  /** Resolves when nobody writes any more: the end of the tree, never that of a pipe or file. */
  ended: Promise<unknown>;
  clock: Clock;
  /** A file written beside this one: its size counts too, and it is cut like this one. */
  beside: string;
  /** For both files together: 8 GiB. */
  quotaBytes?: number;
  /** How much may be read before its disk space is given back: 64 MiB. */
  cutBytes?: number;
  /** Longer lines lose their middle: 1 MiB. */
  maxLineBytes?: number;
}>;

/**
 * The lines of a file that grows, in batches as they come. After `ended` the rest is read up to the size that the
 * file had then, so a leaked process that goes on writing cannot hold this up. Memory does not grow with the output.
 * @throws AppError `output_limit` beyond the quota.
 */
export async function* tailLines(path: string, options: TailOptions): AsyncGenerator<readonly Line[], void> {
  await using file = await open(path, "r+");
  await using beside = await open(options.beside, "r+");
  const splitter = lineSplitter(options.maxLineBytes);
  const limits = outputLimits([file, beside], options);
  try {
    for await (const chunk of growth(file, options)) {
      await limits.check(chunk);
      const lines = splitter.push(chunk.bytes);
      if (lines.length > 0) yield lines;
    }
    const last = splitter.end();
    if (last.length > 0) yield last;
  } finally {
    await limits.idle();
  }
}

type Chunk = Readonly<{ bytes: Buffer; offset: number }>;

/** What is appended to a file, in chunks that are valid until the next; empty ones while nothing comes. */
async function* growth(file: FileHandle, { ended, clock }: TailOptions): AsyncGenerator<Chunk, void> {
  const over = abortedBy(ended);
  // Small on purpose: with 256 KiB, what is alive at once makes the heap grow by 60 MB, with this by 16 MB.
  const buffer = Buffer.allocUnsafe(64 * 1024);
  let offset = 0;
  let end: number | undefined;
  let pause = shortestPause;
  while (end === undefined || offset < end) {
    const size = over.aborted || pause > shortestPause ? (await file.stat()).size : undefined;
    if (over.aborted) end ??= size;
    // Only the job itself can have shortened it; what it appends now is still read.
    else if (size !== undefined && size < offset) offset = 0;
    const wanted = Math.min(buffer.length, (end ?? Number.POSITIVE_INFINITY) - offset);
    const { bytesRead } = await file.read(buffer, 0, Math.max(0, wanted), offset);
    offset += bytesRead;
    yield { bytes: buffer.subarray(0, bytesRead), offset };
    if (bytesRead === 0 && end !== undefined) return;
    pause = bytesRead > 0 ? shortestPause : Math.min(longestPause, pause * 2);
    if (bytesRead === 0) await clock.sleep(pause, over);
  }
}

/** Milliseconds between two looks at a file: polling, since inotify is silent on network file systems. */
const shortestPause = 5;
const longestPause = 100;

/** Keeps both files under the quota, and their disk space small. */
function outputLimits(files: readonly FileHandle[], { clock, quotaBytes = 8 * gib, cutBytes = 64 * mib }: TailOptions) {
  const cutters = files.map((file) => cutBehind(file, cutBytes));
  let next = 0;
  let read = 0;
  return {
    async check({ bytes, offset }: Chunk): Promise<void> {
      read += bytes.length; // does not go back when the job shortens the file
      cutters[0]?.readUpTo(offset);
      if (clock.uptime() < next) return;
      next = clock.uptime() + 250;
      const [size = 0, beside = 0] = await Promise.all(files.map(async (file) => (await file.stat()).size));
      cutters[1]?.readUpTo(beside);
      if (Math.max(read, size) + beside <= quotaBytes) return;
      throw new AppError("output_limit", `The job printed more than ${Math.round(quotaBytes / mib)} MiB.`);
    },
    idle: async () => void (await Promise.all(cutters.map((cutter) => cutter.idle()))),
  };
}

const mib = 1024 ** 2;
const gib = 1024 ** 3;

function abortedBy(ended: Promise<unknown>): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  ended.then(abort, abort);
  return controller.signal;
}
