import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Clock } from "./clock.ts";
import { AppError } from "./error.ts";

type Options = Readonly<{
  fetch: (request: Request) => Response | Promise<Response>;
  host: string;
  /** 0 takes a free one. */
  port: number;
  clock: Clock;
  /** A request must be whole within these milliseconds, else 408; 60 s by default. */
  requestMs?: number;
  /**
   * The process is the server's own: its Request and Response are then other ones, which cost a fraction
   * (@hono/node-server, `overrideGlobalObjects`).
   */
  ownsProcess?: boolean;
  /** How a person names another port, and the key of the address: for the remedies. */
  hints: Readonly<{ port: string; host: string }>;
}>;
export type HttpServer = Readonly<{
  url: string;
  port: number;
  /** Takes no more connections, answers what is on its way, and resolves when all connections are closed. */
  close: () => Promise<void>;
}>;

/** How long answers that are on their way may take at the end. */
const goodbyeMs = 3_000;

/**
 * Serves over HTTP on Node.
 * @throws AppError `conflict` where the port is taken, `forbidden` where it is not for this user, else `setup_failed`.
 */
export async function openHttpServer(options: Options): Promise<HttpServer> {
  const { fetch, host, clock, requestMs = 60_000, ownsProcess = false } = options;
  const server = createAdaptorServer({
    fetch,
    overrideGlobalObjects: ownsProcess,
    // Longer than the 60 s after which common load balancers drop an idle connection, so that they do it first.
    serverOptions: {
      // Else of several fields of one name the first would count here, and all of them behind a `Request`.
      joinDuplicateHeaders: true,
      keepAliveTimeout: 75_000,
      // Else whoever sends a byte now and then keeps what a request takes for as long as it likes.
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: Math.min(5_000, requestMs),
    },
  }) as Server;
  const connections = openConnections(server);
  const port = await listen(server, options);
  return {
    url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`,
    port,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Opened ahead and never used: for Node they are not idle, and would hold up the end.
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
      return closeConnections(server, clock, closed);
    },
  };
}

async function listen(server: Server, options: Options): Promise<number> {
  const { host, port } = options;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(error, options)));
    server.listen(port, host.replace(/^\[(.*)\]$/, "$1"), resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** What to do, for the reasons that a person can mend. */
function cannotListen(cause: NodeJS.ErrnoException, { host, port, hints }: Options): AppError {
  const remedy = `Choose another with ${hints.port}`;
  switch (cause.code) {
    case "EADDRINUSE":
      return new AppError("conflict", `Port ${port} of ${host} is in use by another program.`, {
        cause,
        remedy: `${remedy}, or end that program; \`agenticore status\` tells whether it is an Agenticore.`,
      });
    case "EACCES":
      return new AppError("forbidden", `Port ${port} of ${host} is not for this user.`, {
        cause,
        remedy: `${remedy}: ports from 1024 on need no rights.`,
      });
    default:
      return new AppError("setup_failed", `Cannot listen on ${host} port ${port}: ${cause.message}`, {
        cause,
        remedy: `Check ${hints.host}: it must be an address of this machine.`,
      });
  }
}

function openConnections(server: Server): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return open;
}

/** A connection is idle, and can be closed, only once its last answer is out. */
async function closeConnections(server: Server, clock: Clock, closed: Promise<void>): Promise<void> {
  const deadline = clock.uptime() + goodbyeMs;
  const done = new AbortController();
  const all = closed.then(() => done.abort());
  while (!done.signal.aborted) {
    if (clock.uptime() < deadline) server.closeIdleConnections();
    else server.closeAllConnections();
    await clock.sleep(20, done.signal);
  }
  await all;
}
