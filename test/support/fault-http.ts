import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FaultPlan, LinkFault } from "./fault-plan.ts";
import { resetSocket } from "./reset-socket.ts";

export type SeenRequest = Readonly<{
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  fate: LinkFault | "pass";
}>;

/** An HTTP proxy before one server, which does to each request what the plan says. */
export type FaultHttp = AsyncDisposable &
  Readonly<{
    port: number;
    /** All requests that came, also those that went no further. */
    seen: readonly SeenRequest[];
    /** Answers that are still being given end as if they were complete. */
    endAnswers(): void;
  }>;

/** What somebody in between would say. */
const answers = {
  "429": { status: 429, type: "application/json", body: '{"error":"ERR too many requests"}', retryAfter: "1" },
  "500": { status: 500, type: "application/json", body: '{"error":"SRH: Unable to connect to the Redis server"}' },
  "502": { status: 502, type: "text/html", body: "<html><body><h1>502 Bad Gateway</h1></body></html>" },
} as const;

export async function startFaultHttp(target: URL, plan: FaultPlan): Promise<FaultHttp> {
  const seen: SeenRequest[] = [];
  const open = new Set<ServerResponse>();
  const server = createServer((asked, answer) => {
    open.add(answer);
    answer.once("close", () => open.delete(answer));
    handle(asked, answer).catch(() => answer.destroy());
  });
  async function handle(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = Buffer.concat(await asked.toArray());
    const { method = "GET", url: path = "/", headers, socket } = asked;
    const fate = plan.fateOf();
    seen.push({ method, path, headers, body: body.toString(), fate });
    if (fate === "hold") return;
    if (fate === "lose-request") return resetSocket(socket);
    if (fate === "slow") await new Promise((done) => setTimeout(done, plan.slowness()));
    if (fate === "429" || fate === "500" || fate === "502") {
      const { status, type, body: text, ...more } = answers[fate];
      const retry = "retryAfter" in more ? { "retry-after": more.retryAfter } : {};
      return void answer.writeHead(status, { "content-type": type, ...retry }).end(text);
    }
    const far = request(new URL(path, target), { method, headers: { ...headers, host: target.host } });
    far.on("error", () => resetSocket(socket));
    answer.once("close", () => far.destroy());
    far.on("response", (given) => {
      given.on("error", () => resetSocket(socket));
      // Only once all of it has come: it was done, and nobody learns so.
      if (fate === "lose-reply") return void given.resume().on("end", () => resetSocket(socket));
      answer.writeHead(given.statusCode ?? 502, given.headers);
      answer.flushHeaders();
      given.pipe(answer);
    });
    far.end(body);
  }
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    endAnswers: () => {
      for (const answer of open) answer.end();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
