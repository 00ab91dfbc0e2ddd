import type { Context } from "hono";
import type { Clock } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import { HttpError } from "../shared/problem.ts";
import { maxRunnerBodyBytes, runnerPath } from "../shared/runner-door/protocol.ts";
import { type ApiEnv, type IncomingBody, noBody } from "./asked.ts";
import { field } from "./field.ts";
import type { Step } from "./in-turn.ts";
import { joined, openBody } from "./incoming-body.ts";

const mebibyte = 1024 * 1024;
export const maxBodyBytes = mebibyte;
const maxDropBytes = 16 * 1024 * 1024;
const maxDropMs = 2_000;

/**
 * Outermost: reads and drops what nobody read, within bounds. A client that is still sending would not see
 * an early refusal, and the rest of its body would be taken for the next request of the connection.
 */
export function dropUnreadBody(clock: Clock): Step {
  const finish = async (c: Context<ApiEnv>, body: IncomingBody): Promise<void> => {
    if (!(await drop(body, clock))) c.res.headers.set("connection", "close");
  };
  return {
    before: (c) => {
      if (!hasNone(c.req.method)) c.get("asked").body = openBody(c);
    },
    after: (c) => {
      const { body } = c.get("asked");
      return body.isOver() ? undefined : finish(c, body);
    },
  };
}

const hasNone = (method: string): boolean => method === "GET" || method === "HEAD";

/**
 * Reads the body into memory, as JSON only and up to 1 MiB (of a runner 16), for `Asked.text`; an empty one is none. Hono's own
 * `c.req.text()` and `json()` have nothing to read then.
 * @throws HttpError 415, 413; AppError `invalid_request` where it breaks off.
 */
export const readBody: Step = {
  before: (c) => {
    const length = field(c, "content-length");
    const { body } = c.get("asked");
    if (body === noBody && length === undefined) return undefined;
    const declared = Number(length ?? 0);
    // With its length told it is read at once; without one (chunked, HTTP/2) only reading tells whether there is one.
    return declared > 0 ? readTold(c, body, declared) : readUntold(c, body, length === "0");
  },
};

function readTold(c: Context<ApiEnv>, body: IncomingBody, length: number): Promise<void> {
  checkType(c);
  const most = mostBytes(c);
  if (length > most) throw tooLarge(most);
  return body.whole(length).then((bytes) => keepText(c, bytes, most));
}

async function readUntold(c: Context<ApiEnv>, body: IncomingBody, isEmpty: boolean): Promise<void> {
  const first = isEmpty ? undefined : await body.next();
  if (first) {
    checkType(c);
    const most = mostBytes(c);
    keepText(c, await collect(first, body, most), most);
  } else if (!hasNone(c.req.method) && field(c, "content-type") !== undefined) {
    const { raw } = c.req;
    const headers = new Headers(raw.headers);
    headers.delete("content-type");
    c.req.raw = new Request(raw.url, { method: raw.method, headers, signal: raw.signal });
  }
}

const mostBytes = (c: Context<ApiEnv>): number =>
  c.req.path.startsWith(runnerPath) && c.get("asked").caller.scopes.includes("runner")
    ? maxRunnerBodyBytes
    : maxBodyBytes;

function keepText(c: Context<ApiEnv>, bytes: Uint8Array | undefined, most: number): void {
  if (!bytes || bytes.length > most) throw tooLarge(most);
  c.get("asked").text = utf8(bytes);
}

const tooLarge = (most: number): HttpError =>
  new HttpError(413, "invalid_request", {
    sentence: `The body is larger than ${most / mebibyte} MiB.`,
    errors: [{ path: "", message: `at most ${most / mebibyte} MiB` }],
    remedy: "Send a shorter request.",
  });

function checkType(c: Context<ApiEnv>): void {
  const type = field(c, "content-type");
  const encoding = field(c, "content-encoding");
  const known = /^application\/json *(?:; *charset="?utf-8"? *)?$/i.test(type ?? "");
  if (known && (encoding === undefined || encoding.toLowerCase() === "identity")) return;
  const [path, message] = known
    ? ["content-encoding", "must be left out"]
    : ["content-type", "must be application/json"];
  throw new HttpError(415, "invalid_request", {
    sentence: `Bodies are taken as plain application/json only: ${path} ${message}.`,
    errors: [{ path, message }],
    remedy: "Send JSON with `Content-Type: application/json`.",
  });
}

/** It keeps nothing from one text to the next (encoding.spec.whatwg.org, `decode` without `stream`). */
const decoder = new TextDecoder("utf-8", { fatal: true });

/** JSON between systems is UTF-8 (RFC 8259, 8.1); what is not would reach Claude with other letters than were meant. */
function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AppError("invalid_request", "The body is not UTF-8.", {
      cause,
      errors: [{ path: "", message: "must be UTF-8" }],
      remedy: "Send one JSON object in UTF-8.",
    });
  }
}

/** Piece by piece; undefined when there is more than the limit. */
async function collect(
  first: Uint8Array | undefined,
  body: IncomingBody,
  most: number,
): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let piece = first; piece; piece = await body.next()) {
    pieces.push(piece);
    size += piece.length;
    if (size > most) return undefined;
  }
  return joined(pieces, size);
}

/** True when the end was reached. */
async function drop(body: IncomingBody, clock: Clock): Promise<boolean> {
  const enough = new AbortController();
  const late = clock.sleep(maxDropMs, enough.signal).then(() => "late" as const);
  try {
    for (let size = 0; size <= maxDropBytes; ) {
      const piece = await Promise.race([body.next(), late]);
      if (piece === "late") return false;
      if (!piece) return true;
      size += piece.length;
    }
    return false;
  } catch {
    return false; // it broke off: nobody is there to be answered
  } finally {
    enough.abort();
  }
}
