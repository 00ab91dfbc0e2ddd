import { Option } from "commander";
import type { Config } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { wholeNumber } from "../option.ts";
import { startBridge } from "../redis-http/bridge.ts";
import type { RedisPlace } from "../redis-http/connection.ts";
import { serviceLog, untilSignal } from "../service.ts";

type Options = Readonly<{ port?: number; host?: string }>;

export const redisHttp = defineCommand<Options>({
  takes: (command) =>
    command
      .addOption(
        new Option(
          "--port <number>",
          "port to listen on; 0 takes a free one (default: AGENTICORE_REDIS_HTTP_PORT or 8079)",
        ).argParser(wholeNumber(0, 65_535)),
      )
      .option("--host <address>", "address to listen on (default: AGENTICORE_REDIS_HTTP_HOST or 127.0.0.1)"),
  examples: [
    "REDIS_URL=redis://127.0.0.1:6379 agenticore redis-http",
    "AGENTICORE_REDIS_HTTP_TOKENS=runners:scope=agenticore::$(openssl rand -hex 24) agenticore redis-http --host 0.0.0.0",
  ],
  run: async (cli, options) => {
    const { config } = await loadConfig(cli);
    const { host = config.redisHttpHost, port = config.redisHttpPort } = options;
    const { clock, print, version } = cli;
    const bridge = await startBridge({
      redis: redisOf(config),
      tokens: config.redisHttpTokens,
      host,
      port,
      limits: { requests: config.redisHttpMaxRequests, subscriptions: config.redisHttpMaxSubscriptions },
      clock,
      random: Math.random,
      log: serviceLog(cli, config),
      version,
    });
    print.note(`agenticore ${version} serves Redis over HTTP on ${bridge.url}`);
    if (config.redisHttpTokens.length === 0)
      print.warn("Without AGENTICORE_REDIS_HTTP_TOKENS every program of this machine may use Redis through this.");
    return await untilSignal(cli, {
      drain: bridge.close,
      stop: async () => undefined,
      over: new Promise(() => undefined),
      notes: { drain: "Ending: requests that are on their way are answered.", stop: "Ending at once." },
    });
  },
});

/** @throws AppError `invalid_request`. */
function redisOf({ redisUrl, redisToken }: Config): RedisPlace {
  if (redisUrl && /^rediss?:/.test(redisUrl)) return { url: redisUrl, ...(redisToken ? { token: redisToken } : {}) };
  throw new AppError(
    "invalid_request",
    redisUrl
      ? "REDIS_URL names a Redis over HTTP, which needs no bridge."
      : "REDIS_URL is not set: there is no Redis to serve.",
    { remedy: "Set REDIS_URL to redis://host:port, or rediss:// for TLS, for this process." },
  );
}
