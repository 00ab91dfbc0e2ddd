import {
  type Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";

/** A request for the model's service: where to, with which headers, and its whole body. */
export type Outgoing = Readonly<{ url: URL; headers: Readonly<Record<string, string | string[]>>; body: Buffer }>;

/** Of one connection or of what lies between: RFC 9110, section 7.6.1. */
const ofTheHop = new Set([
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade", "expect", "host", "content-length"],
]);
/** Ours to say; and no compression, so that an error's text can be looked through. */
const replaced = new Set(["x-api-key", "authorization", "accept-encoding", "cookie"]);

/** What Claude sent, beta headers with it, and without its credentials. */
export const passedHeaders = (headers: IncomingHttpHeaders): Record<string, string | string[]> => ({
  ...endToEnd(headers, (name) => !replaced.has(name)),
  "accept-encoding": "identity",
});

function endToEnd(headers: IncomingHttpHeaders, wanted: (name: string) => boolean): Record<string, string | string[]> {
  const named = new Set(
    String(headers.connection ?? "")
      .toLowerCase()
      .split(/\s*,\s*/),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !ofTheHop.has(entry[0]) && !named.has(entry[0]) && wanted(entry[0]),
    ),
  );
}

/**
 * Asks, and resolves with the answer's beginning. A connection that was kept open may have been closed by the other side
 * in this very moment: then it is asked once more.
 * @throws Error when no answer came, or `signal` aborted.
 */
export async function ask(outgoing: Outgoing, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
  const { answer, reused } = send(outgoing, agent, signal);
  return await answer.catch((error: unknown) => {
    if (!reused() || signal.aborted || (error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
    return send(outgoing, agent, signal).answer;
  });
}

function send({ url, headers, body }: Outgoing, agent: Agent, signal: AbortSignal) {
  const request = (url.protocol === "http:" ? httpRequest : httpsRequest)(url, {
    method: "POST",
    headers: { ...headers, "content-length": body.length },
    agent,
    signal,
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", reject);
  });
  request.end(body);
  return { answer, reused: () => request.reusedSocket };
}

const maxErrorBytes = 256 * 1024;

/**
 * Hands the answer on as it comes. One that says no is read first: services repeat keys in such texts.
 * @throws Error when the answer breaks off; then so has `out`.
 */
export async function handOn(
  answer: IncomingMessage,
  out: ServerResponse,
  { hide, count }: Readonly<{ hide: (text: string) => string; count: (bytes: number) => void }>,
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const headers = endToEnd(answer.headers, (name) => name !== "set-cookie");
  if (status < 400) {
    const { "content-length": length } = answer.headers;
    out.writeHead(status, length === undefined ? headers : { ...headers, "content-length": length });
    out.flushHeaders();
    return await pipeline(answer, counted(count), out);
  }
  const said = hide(await beginning(answer));
  out.writeHead(status, { ...headers, "content-length": Buffer.byteLength(said) });
  out.end(said);
}

const counted = (count: (bytes: number) => void) =>
  async function* (parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of parts) {
      count(part.length);
      yield part;
    }
  };

async function beginning(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > maxErrorBytes) break;
  }
  return Buffer.concat(parts).toString();
}
