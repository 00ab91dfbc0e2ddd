import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = Readonly<{
  headers: IncomingHttpHeaders;
  body: string;
  /** `webhook-id`. */
  id: string;
  type: string;
  /** When it was here, in milliseconds since 1970. */
  at: number;
}>;
/** Answers one request in its own way: with a status, or by hand. */
export type Answering = number | ((response: ServerResponse) => void);

/** Somebody who is notified: keeps what comes; answers in the given ways first, then 204. */
export async function aReceiver(...answers: readonly Answering[]) {
  const received: Received[] = [];
  const left = [...answers];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const { type } = JSON.parse(body || "{}") as { type?: string };
      const id = String(request.headers["webhook-id"]);
      received.push({ headers: request.headers, body, id, type: type ?? "", at: Date.now() });
      const how = left.shift() ?? 204;
      if (typeof how === "number") response.writeHead(how).end();
      else how(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    received,
    port,
    url: `http://127.0.0.1:${port}/hook`,
    answerNext: (how: Answering) => void left.push(how),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
