import type { Context } from "hono";
import { AppError } from "../shared/error.ts";
import type { ApiEnv, IncomingBody, NodeRequest } from "./asked.ts";

/** The body of a request, to be read once. @throws AppError `invalid_request` where it breaks off. */
export const openBody = (c: Context<ApiEnv>): IncomingBody => new RequestBody(c.req.raw, c.env?.incoming);

class RequestBody implements IncomingBody {
  readonly #request: Request;
  readonly #incoming: NodeRequest | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #ended = false;

  constructor(request: Request, incoming: NodeRequest | undefined) {
    this.#request = request;
    this.#incoming = incoming;
  }
  isOver(): boolean {
    return this.#ended;
  }
  whole(length: number): Promise<Uint8Array> {
    this.#ended = true;
    const request = this.#request;
    const incoming = this.#incoming;
    const isOpen = incoming?.on !== undefined && incoming.destroyed === false;
    return isOpen ? fromNode(incoming, { length, request }) : bytesOf(request);
  }
  async next(): Promise<Uint8Array | undefined> {
    if (this.#ended || (!this.#reader && !this.#request.body)) return undefined;
    this.#reader ??= this.#request.body?.getReader();
    const piece = await this.#reader?.read().catch((cause: unknown) => {
      this.#ended = true;
      throw brokeOff(cause);
    });
    this.#ended = piece?.done !== false;
    return piece?.value;
  }
}

const bytesOf = (request: Request): Promise<Uint8Array> =>
  request.arrayBuffer().then(
    (bytes) => new Uint8Array(bytes),
    (cause: unknown) => {
      throw brokeOff(cause);
    },
  );

type Sent = Readonly<{ length: number; request: Request }>;

/**
 * From Node's own stream: what a `Request` gives is a copy, and comes later. Should the connection be closed before any of it was
 * read, that knows what had come before.
 */
const fromNode = (incoming: NodeRequest, { length, request }: Sent): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    incoming.on?.("data", (piece) => {
      pieces.push(piece);
      size += piece.length;
      if (size === length) resolve(joined(pieces, size));
    });
    incoming.on?.("close", () => {
      if (size === 0) resolve(bytesOf(request));
      else if (size < length) reject(brokeOff(new Error("the connection was closed")));
    });
  });

/** One after the other; a single one as it is. */
export function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = pieces;
  if (first && pieces.length === 1) return first;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

const brokeOff = (cause: unknown): AppError =>
  new AppError("invalid_request", "The body broke off.", {
    cause,
    errors: [{ path: "", message: "must be sent whole" }],
  });
