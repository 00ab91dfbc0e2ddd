import { open, rename, rm } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../shared/error.ts";
import { openPlainFile } from "./plain-file.ts";

const lineFeed = 10;

/**
 * Copies a file without the lines that begin with `dropped`, into a temporary file that is then renamed, so that
 * a crash leaves the old one or the new one. Works on bytes: a hostile line may be as long as the file.
 * @throws AppError `disk_full` or `internal`.
 */
export async function copyWithout(from: string, to: string, dropped?: string): Promise<void> {
  const temporary = `${to}.new`;
  try {
    await rm(temporary, { force: true });
    await using source = await openPlainFile(from);
    await using target = await open(temporary, "wx", 0o600);
    const steps = dropped === undefined ? [] : [withoutLines(Buffer.from(dropped))];
    await pipeline([source.createReadStream(), ...steps, target.createWriteStream()]);
    await rename(temporary, to);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === "ENOSPC" ? "disk_full" : "internal";
    throw new AppError(code, `The session's transcript could not be written to ${to}.`, { cause });
  }
}

/** Whether these bytes occur in the file; false where there is none, or no plain one. */
export async function fileContains(file: string, text: string): Promise<boolean> {
  const wanted = Buffer.from(text);
  let carried = Buffer.alloc(0);
  try {
    await using handle = await openPlainFile(file);
    for await (const chunk of handle.createReadStream({ autoClose: false })) {
      const bytes = Buffer.concat([carried, chunk as Buffer]);
      if (bytes.includes(wanted)) return true;
      carried = bytes.subarray(Math.max(0, bytes.length - wanted.length + 1));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return false;
}

/** Holds back at most as many bytes of a line's beginning as are needed to decide. */
function withoutLines(prefix: Buffer): Transform {
  let held = Buffer.alloc(0);
  let state: "undecided" | "keep" | "drop" = "undecided";
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let rest = Buffer.concat([held, chunk]);
      held = Buffer.alloc(0);
      while (rest.length > 0) {
        if (state === "undecided") {
          const known = rest.subarray(0, prefix.length);
          if (known.length < prefix.length && prefix.indexOf(known) === 0) {
            held = rest;
            break;
          }
          state = known.equals(prefix) ? "drop" : "keep";
        }
        const end = rest.indexOf(lineFeed);
        const line = end === -1 ? rest : rest.subarray(0, end + 1);
        if (state === "keep") this.push(line);
        if (end !== -1) state = "undecided";
        rest = rest.subarray(line.length);
      }
      done();
    },
    flush(done) {
      done(null, held.length > 0 ? held : undefined);
    },
  });
}
