import { join } from "node:path";
import { Option } from "commander";
import { type ApiOptions, startApi } from "../../api/server.node.ts";
import { loadProfiles } from "../../runner/profile/load-profiles.ts";
import type { Config } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { serverUrl } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { openStore } from "../open-store.ts";
import { wholeNumber } from "../option.ts";
import { serviceLog, untilSignal } from "../service.ts";
import { serviceRunner } from "../service-runner.ts";

type Options = Readonly<{ port?: number; host?: string; transport?: string; runner: boolean }>;

export const serve = defineCommand<Options>({
  takes: (command) =>
    command
      .addOption(
        new Option(
          "--port <number>",
          "port to listen on; 0 takes a free one (default: AGENTICORE_PORT or 8200)",
        ).argParser(wholeNumber(0, 65_535)),
      )
      .option("--host <address>", "address to listen on (default: AGENTICORE_HOST or 127.0.0.1)")
      .addOption(
        new Option("--transport <name>", "default: AGENTICORE_TRANSPORT or http").choices(["http", "sse", "stdio"]),
      )
      .option("--no-runner", "the API alone: jobs wait for a runner elsewhere"),
  examples: ["agenticore serve", "agenticore serve --port 9000", "agenticore serve --no-runner"],
  run: async (cli, options) => {
    const { config } = await loadConfig(cli);
    checkTransport(options.transport ?? config.transport);
    const log = serviceLog(cli, config);
    await using store = await openStore(config, cli);
    const { summaries: profiles } = await loadProfiles({ bundled: bundledProfiles });
    const given: Partial<ApiOptions> = {
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(options.port === undefined ? {} : { port: options.port }),
    };
    const { clock, version } = cli;
    const api = await startApi({ config, store, profiles, clock, log, version, ...given });
    welcome(cli, config, api.url);
    const runner = options.runner ? await serviceRunner({ cli, config, store, log }) : undefined;
    const code = await untilSignal(cli, runner ?? { drain: async () => undefined, stop: async () => undefined });
    await api.close();
    return code;
  },
});

/** Beside the sources, and beside `cli/` in the published package. */
const bundledProfiles = join(import.meta.dirname, "../../profiles");

/** @throws AppError `invalid_request`. */
function checkTransport(transport: string): void {
  if (transport !== "stdio") return;
  throw new AppError("invalid_request", "The transport stdio is for MCP, which this version does not serve.", {
    remedy: "Use `--transport http` (and unset AGENTICORE_TRANSPORT).",
  });
}

/** Where it listens, and what a person does next. */
function welcome({ print, env, version }: CliContext, config: Config, url: string): void {
  // npm sets it for what npx and npm scripts start: then the program is not in PATH.
  const program = env["npm_command"] === undefined ? "agenticore" : "npx agenticore";
  const address = serverUrl(config) === url ? "" : `AGENTICORE_URL=${url} `;
  print.note(`agenticore ${version} listening on ${url}`);
  print.note(`Give it a task from another terminal:`);
  print.note(`  ${address}${program} run "Say what this project does" -r /path/to/a/repository --follow`);
  print.note(`Check this machine with \`${program} doctor\`; the API is described at ${url}/docs.`);
}
