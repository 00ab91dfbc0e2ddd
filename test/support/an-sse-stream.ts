import { decodeSse } from "../../shared/sse.ts";
import { type Reply, reply } from "./an-api.ts";

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;
type Headers = Readonly<Record<string, string>>;
/** A stream of HTTP+SSE as it is on the wire. */
export type SseStream = AsyncDisposable &
  Readonly<{
    headers: globalThis.Headers;
    /** Where messages are posted. */
    endpoint: string;
    /** JSON, and given text as it is. */
    post: (message: unknown, headers?: Headers) => Promise<Reply>;
    /** The next message of the server; undefined at the end. */
    next: () => Promise<Record<string, unknown> | undefined>;
    /** A request, and what comes next over the stream. */
    ask: (method: string, params?: object) => Promise<Record<string, unknown> | undefined>;
    close: () => Promise<void>;
  }>;

export const postTo = async (fetch: Fetch, path: string, ...[message, headers = {}]: [unknown, Headers?]) =>
  reply(
    await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof message === "string" ? message : JSON.stringify(message),
    }),
  );

/** @throws Error where it is refused. */
export async function openSse(fetch: Fetch, given: Headers = {}): Promise<SseStream> {
  const response = await fetch("/sse", { headers: given });
  if (response.status !== 200) throw new Error(`/sse answered ${response.status}: ${await response.text()}`);
  const frames = decodeSse(response.body as ReadableStream<Uint8Array>);
  const first = (await frames.next()).value;
  if (first?.event !== "endpoint") throw new Error(`the first event is no endpoint: ${JSON.stringify(first)}`);
  const endpoint = first.data;
  const post: SseStream["post"] = (message, headers) => postTo(fetch, endpoint, message, { ...given, ...headers });
  const next: SseStream["next"] = async () => {
    const { value } = await frames.next();
    return value && (JSON.parse(value.data) as Record<string, unknown>);
  };
  let id = 1_000;
  const close = async () => void (await frames.return(undefined));
  return {
    ...{ headers: response.headers, endpoint, post, next, close },
    ask: async (method, params = {}) => {
      id += 1;
      const { status, text } = await post({ jsonrpc: "2.0", id, method, params });
      if (status !== 202) throw new Error(`a message was answered ${status}: ${text}`);
      return await next();
    },
    [Symbol.asyncDispose]: close,
  };
}
