import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export type Asked = Readonly<{ method: string; url: string; headers: IncomingMessage["headers"]; body: string }>;
type Answer = (asked: Asked, out: ServerResponse) => void;

/** A service on loopback that keeps what it was asked; `answer` may be replaced at any time. */
export async function anUpstream() {
  const asked: Asked[] = [];
  const state: { answer: Answer } = { answer: (_, out) => void out.end("{}") };
  const server = createServer(async (request, out) => {
    const { method = "", url = "", headers } = request;
    const seen = { method, url, headers, body: (await buffer(request)).toString() };
    asked.push(seen);
    state.answer(seen, out);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    state,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
