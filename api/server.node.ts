import { randomUUID } from "node:crypto";
import { type Clock, jittered } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import { openHttpServer } from "../shared/http-server.node.ts";
import type { Log } from "../shared/log.ts";
import type { Outlook } from "../shared/outlook.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { JobStore } from "../shared/store.ts";
import { createApp } from "./app.ts";
import { type ChooserFacts, profileChooser } from "./choose-profile.ts";
import { apiSettings, checkBind } from "./settings.ts";

export type ApiOptions = Readonly<{
  config: Config;
  store: JobStore;
  outlook?: Outlook;
  /** The bundled profiles. */
  profiles: readonly ProfileSummary[];
  /** For AGENTICORE_AI_ROUTING: what asks, and the environment with the key. */
  model?: Pick<ChooserFacts, "fetch" | "env">;
  clock: Clock;
  log: Log;
  version: string;
  /** Milliseconds between two sweeps of the store; 5 s by default. */
  sweepMs?: number;
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
  const choose =
    config.aiRouting && options.model
      ? profileChooser({ ...options.model, clock, model: config.aiRoutingModel })
      : undefined;
  const app = createApp({
    ...deps,
    ...(options.outlook ? { outlook: options.outlook } : {}),
    ...(choose ? { choose } : {}),
  });
  const server = await openHttpServer({
    fetch: app.fetch,
    host,
    port,
    clock,
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

/** What no runner does while none asks: leases that ran out, queue times, old jobs. */
async function sweepUntil(stop: AbortSignal, { store, clock, log, sweepMs = 5_000 }: ApiOptions): Promise<void> {
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
