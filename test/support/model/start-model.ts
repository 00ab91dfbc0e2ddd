import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { answer } from "./answer.ts";
import { readConversation } from "./conversation.ts";
import { openGates } from "./gates.ts";
import { type ModelRequest, type RequestLog, requestLog, sessionOf } from "./request-log.ts";
import { replyTo } from "./scenarios.ts";
import { readTurn } from "./turn.ts";

/** A Messages API on loopback that plays scripts instead of a model: see `scenarios.ts` for what it knows. */
export type Model = Readonly<{
  /** For `ANTHROPIC_BASE_URL`. */
  url: string;
  requests: () => readonly ModelRequest[];
  /** Lets whatever waits for this name go on, now and later. */
  release: (name: string) => void;
  waitFor: RequestLog["waitFor"];
}> &
  AsyncDisposable;

export type ModelOptions = Readonly<{
  /** Default 0: any free one. */
  port?: number;
  /** The scenario of conversations without a marker; default `default`. */
  unmarked?: string;
  /** The only API key that is accepted; absent: any. Tokens are not looked at. */
  apiKey?: string;
}>;

export async function startModel({ port = 0, unmarked = "default", apiKey }: ModelOptions = {}): Promise<Model> {
  const gates = openGates();
  const log = requestLog();
  const asked = new Map<string, number>();
  const countTry = (key: string) => {
    const tries = asked.get(key) ?? 0;
    asked.set(key, tries + 1);
    return tries;
  };

  async function messages(request: IncomingMessage, out: ServerResponse): Promise<void> {
    const gone = new AbortController();
    out.once("close", () => gone.abort());
    const conversation = readConversation(await text(request));
    const session = sessionOf(request.headers);
    const turn = readTurn(conversation, {
      unmarked,
      tries: (step) => countTry(`${session}/${step}`),
      released: gates.released,
    });
    const reply = replyTo(turn);
    const number = log.add({ headers: request.headers, conversation, turn, reply });
    out.once("close", () => log.settle(number, out.writableFinished || reply.kind === "cut" ? "answered" : "dropped"));
    if (turn.hold !== undefined) await gates.passed(turn.hold, gone.signal);
    if (gone.signal.aborted) return;
    const { model, stream } = conversation;
    await answer(out, reply, { model, stream, usage: turn.usage, gates, gone: gone.signal });
  }

  function control(path: string, out: ServerResponse): void {
    const release = /^\/control\/release\/(.+)$/.exec(path)?.[1];
    if (release !== undefined) gates.release(decodeURIComponent(release));
    json(out, 200, path === "/control/requests" ? log.requests() : { success: true });
  }

  const server = createServer((request, out) => {
    const { pathname } = new URL(request.url ?? "/", "http://model");
    const shown = request.headers["x-api-key"];
    if (apiKey !== undefined && shown !== undefined && shown !== apiKey)
      return json(out, 401, { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } });
    if (request.method === "POST" && pathname === "/v1/messages") {
      messages(request, out).catch((error: unknown) => refuse(out, 400, String(error)));
    } else if (pathname === "/v1/messages/count_tokens") json(out, 200, { input_tokens: 1_000 });
    else if (pathname.startsWith("/control/")) control(pathname, out);
    else if (request.method === "HEAD") json(out, 200, {});
    else refuse(out, 404, `The scripted model does not know ${pathname}.`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: log.requests,
    release: gates.release,
    waitFor: log.waitFor,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function json(out: ServerResponse, status: number, body: unknown): void {
  out.writeHead(status, { "content-type": "application/json" });
  out.end(JSON.stringify(body));
}

function refuse(out: ServerResponse, status: number, message: string): void {
  if (out.headersSent) out.destroy();
  else json(out, status, { type: "error", error: { type: "invalid_request_error", message } });
}
