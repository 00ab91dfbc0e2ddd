import { setFlagsFromString } from "node:v8";
import { openHttpServer } from "../shared/http-server.node.ts";
import { createApp } from "./app.ts";
import { assemble, type DoorOptions } from "./assemble.ts";
import { heapByLoad } from "./heap-by-load.node.ts";
import { checkBind } from "./settings.ts";
import { sweepUntil } from "./sweep.ts";

export type ApiOptions = DoorOptions &
  Readonly<{
    /** Instead of the configuration's; port 0 takes a free one. */
    host?: string;
    port?: number;
    /** As of the HTTP server: for `agenticore serve`, not for who serves beside other things. */
    ownsProcess?: boolean;
  }>;
export type RunningApi = Readonly<{
  url: string;
  port: number;
  /** Takes no more requests, answers those that wait, ends the streams; resolves when all connections are closed. */
  close: () => Promise<void>;
}>;

/**
 * Serves the API on Node, and sweeps the store.
 * @throws AppError `forbidden` for an address that must not be open without keys, `conflict` where the port is taken.
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { config, clock, log, host = config.host, port = config.port, ownsProcess = false } = options;
  checkBind(config, host);
  const stop = new AbortController();
  const answered = heapByLoad({
    setFlag: ownsProcess ? setFlagsFromString : () => undefined,
    clock,
    stop: stop.signal,
  });
  const app = createApp({ ...assemble(options, { host, stopping: stop.signal }), answered });
  const server = await openHttpServer({
    fetch: app.fetch,
    host,
    port,
    clock,
    ownsProcess,
    hints: { port: "`--port` or AGENTICORE_PORT", host: "AGENTICORE_HOST" },
  });
  const sweeping = sweepUntil(stop.signal, options);
  log.info("api listens", { url: server.url, keys: config.apiKeys.length });
  return {
    url: server.url,
    port: server.port,
    close: async () => {
      stop.abort();
      await Promise.all([server.close(), sweeping]);
    },
  };
}
