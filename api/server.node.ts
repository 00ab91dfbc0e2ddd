import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type Clock, jittered } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { JobStore } from "../shared/store.ts";
import { createApp } from "./app.ts";
import { apiSettings, checkBind } from "./settings.ts";

export type ApiOptions = Readonly<{
  config: Config;
  store: JobStore;
  /** The bundled profiles. */
  profiles: readonly ProfileSummary[];
  clock: Clock;
  log: Log;
  version: string;
  /** Instead of the configuration's; port 0 takes a free one. */
  host?: string;
  port?: number;
}>;
export type RunningApi = Readonly<{
  url: string;
  port: number;
  /** Takes no more requests, answers those that wait, ends the streams; resolves when all connections are closed. */
  close: () => Promise<void>;
}>;

const sweepMs = 5_000;
/** How long answers that are on their way may take at the end. */
const goodbyeMs = 3_000;

/**
 * Serves the API on Node, and sweeps the store.
 * @throws AppError `forbidden` for an address that must not be open without keys, `conflict` where the port is taken.
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { config, store, profiles, clock, log, version, host = config.host, port = config.port } = options;
  checkBind(config, host);
  const stop = new AbortController();
  const settings = apiSettings(config, host);
  const deps = { store, clock, log, newId: randomUUID, version, bundled: profiles, settings, stopping: stop.signal };
  const app = createApp(deps);
  const server = createAdaptorServer({
    fetch: app.fetch,
    // The process is not ours alone: its Request and Response stay as they are.
    overrideGlobalObjects: false,
    // Longer than the 60 s after which common load balancers drop an idle connection, so that they do it first.
    serverOptions: { keepAliveTimeout: 75_000 },
  }) as Server;
  const bound = await listen(server, host, port);
  const sweeping = sweepUntil(stop.signal, options);
  const url = `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${bound}`;
  log.info("api listens", { url, keys: config.apiKeys.length });
  return {
    url,
    port: bound,
    close: async () => {
      stop.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([closeConnections(server, clock, closed), sweeping]);
    },
  };
}

/** @throws AppError that says what to do, for the reasons that a person can mend. */
async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)));
    server.listen(port, host.replace(/^\[(.*)\]$/, "$1"), resolve);
  });
  return (server.address() as AddressInfo).port;
}

function cannotListen(cause: NodeJS.ErrnoException, host: string, port: number): AppError {
  const remedy = "Choose another with `--port` or AGENTICORE_PORT";
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
        remedy: "Check AGENTICORE_HOST: it must be an address of this machine.",
      });
  }
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

/** What no runner does while none asks: leases that ran out, queue times, old jobs. */
async function sweepUntil(stop: AbortSignal, { store, clock, log }: ApiOptions): Promise<void> {
  for (let failing = false; !stop.aborted; ) {
    try {
      const changed = await store.sweep();
      if (changed.length > 0) log.info("swept", { jobs: changed.length });
      failing = false;
    } catch (error) {
      if (!failing) log.warn("the store could not be swept", { error });
      failing = true;
    }
    await clock.sleep(jittered(sweepMs, Math.random), stop);
  }
}
