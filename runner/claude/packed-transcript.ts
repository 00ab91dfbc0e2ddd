import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDeflate, createInflate } from "node:zlib";
import { AppError } from "../../shared/error.ts";
import type { Secret } from "../../shared/secret.ts";
import { openPlainFile } from "./plain-file.ts";

/** A conversation over the first, or that needs more than the second when packed, stays on its box. Bytes. */
export const maxTranscriptBytes = 64 * 1024 * 1024;
export const maxPackedBytes = 4 * 1024 * 1024;

export type Packed = Readonly<{
  bytes: number;
  /** Absent where it is too long. */
  data?: string;
}>;
/** `key`: 32 bytes as base64 or hex; without one what is packed can be read by whoever has it. */
export type Packing = Readonly<{ session: string; key: Secret | undefined }>;

/**
 * A conversation as text for the store: deflated, then encrypted for its session alone (AES-256-GCM, NIST SP 800-38D).
 * Claude may write to it just now: a line that is not whole yet is left out. Links are not followed.
 */
export async function packTranscript(file: string, { session, key }: Packing): Promise<Packed> {
  await using handle = await openPlainFile(file);
  const bytes = await wholeLines(handle);
  if (bytes > maxTranscriptBytes) return { bytes };
  const packed = bytes === 0 ? Buffer.alloc(0) : await deflated(handle, bytes);
  return packed === undefined ? { bytes } : { bytes, data: sealed(packed, { session, key }) };
}

/** The first so many bytes, deflated; undefined where the store would not take them. */
async function deflated(handle: FileHandle, bytes: number): Promise<Buffer | undefined> {
  const most = (maxPackedBytes / 4) * 3 - overhead;
  const pieces: Buffer[] = [];
  let size = 0;
  const gather = async (packed: AsyncIterable<Buffer>) => {
    for await (const piece of packed) {
      size += piece.length;
      if (size > most) return;
      pieces.push(piece);
    }
  };
  const source = handle.createReadStream({ start: 0, end: bytes - 1, autoClose: false });
  await pipeline(source, createDeflate(), gather).catch((error: unknown) => {
    if (size <= most) throw error; // else it is we who left
  });
  return size > most ? undefined : Buffer.concat(pieces);
}

/**
 * Writes a packed conversation to a file that only its owner can read; a crash leaves the old one or the new one.
 * @throws AppError `session_not_found` where it cannot be opened with this key or is damaged, `disk_full`, `internal`.
 */
export async function unpackTranscript(data: string, to: string, packing: Packing): Promise<void> {
  const packed = opened(data, packing);
  const temporary = `${to}.new`;
  let size = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > maxTranscriptBytes) done(damaged(packing.session));
      else done(null, chunk);
    },
  });
  try {
    await rm(temporary, { force: true });
    const target = await open(temporary, "wx", 0o600);
    const source = Readable.from(packed.length === 0 ? [] : [packed]);
    await pipeline([source, ...(packed.length === 0 ? [] : [createInflate()]), limited, target.createWriteStream()]);
    await rename(temporary, to);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof AppError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    if (code.startsWith("Z_")) throw damaged(packing.session, cause);
    const kind = code === "ENOSPC" ? "disk_full" : "internal";
    throw new AppError(kind, `The session's transcript could not be written to ${to}.`, { cause });
  }
}

const [ivBytes, tagBytes, overhead] = [12, 16, 64];
const plainMark = "z1:";
const sealedMark = "e1:";
/** What is encrypted for one session opens for no other. */
const purpose = (session: string): Buffer => Buffer.from(`agenticore session ${session}`);
const bytesOf = (key: Secret): Buffer => {
  const text = key.reveal();
  return Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? "hex" : "base64");
};

function sealed(packed: Buffer, { session, key }: Packing): string {
  if (key === undefined) return plainMark + packed.toString("base64");
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", bytesOf(key), iv).setAAD(purpose(session));
  const body = Buffer.concat([cipher.update(packed), cipher.final()]);
  return sealedMark + Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64");
}

function opened(data: string, { session, key }: Packing): Buffer {
  const bytes = Buffer.from(data.slice(plainMark.length), "base64");
  // With a key, what is not encrypted was put there by somebody who has none.
  if (data.startsWith(plainMark) && key === undefined) return bytes;
  if (!data.startsWith(sealedMark) || key === undefined) throw locked(session);
  try {
    const [body, tag] = [bytes.subarray(ivBytes + tagBytes), bytes.subarray(ivBytes, ivBytes + tagBytes)];
    const decipher = createDecipheriv("aes-256-gcm", bytesOf(key), bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    })
      .setAAD(purpose(session))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch (cause) {
    throw locked(session, cause);
  }
}

const locked = (session: string, cause?: unknown) =>
  new AppError("session_not_found", `The conversation of session ${session} cannot be opened with this box's key.`, {
    remedy: "Give all runners the same AGENTICORE_SESSION_KEY.",
    cause,
  });
const damaged = (session: string, cause?: unknown) =>
  new AppError("session_not_found", `The copy of the conversation of session ${session} in the store is damaged.`, {
    cause,
  });

/** Bytes up to the last line feed. */
async function wholeLines(handle: FileHandle): Promise<number> {
  const piece = Buffer.alloc(64 * 1024);
  let end = (await handle.stat()).size;
  if (end > maxTranscriptBytes) return end;
  while (end > 0) {
    const start = Math.max(0, end - piece.length);
    const { bytesRead } = await handle.read(piece, 0, end - start, start);
    const at = piece.subarray(0, bytesRead).lastIndexOf(10);
    if (at !== -1) return start + at + 1;
    end = start;
  }
  return 0;
}
