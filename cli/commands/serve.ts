import { join } from "node:path";
import { Option } from "commander";
import type { DoorOptions } from "../../api/assemble.ts";
import { type ApiOptions, startApi } from "../../api/server.node.ts";
import type { Runner } from "../../runner/main.ts";
import { flagAsker } from "../../runner/profile/claude-flags.ts";
import { loadProfiles } from "../../runner/profile/load-profiles.ts";
import { profilePlaces } from "../../runner/profile/profile-places.ts";
import type { Config } from "../../shared/config-keys.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { serverUrl } from "../connect.ts";
import type { CliContext } from "../context.ts";
import type { ExitCode } from "../exit-code.ts";
import { openServiceStore } from "../open-store.ts";
import { wholeNumber } from "../option.ts";
import { serviceLog, untilSignal, warnOfLogin, warnOfSharing } from "../service.ts";
import { serviceNotifier } from "../service-notifier.ts";
import { serviceRunner } from "../service-runner.ts";
import { storePace } from "../store-pace.ts";

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
  examples: [
    "agenticore serve",
    "agenticore serve --port 9000",
    "agenticore serve --no-runner",
    "claude mcp add agenticore -- agenticore serve --transport stdio",
  ],
  run: async (cli, options) => {
    const { config } = await loadConfig(cli);
    const { clock, version, root } = cli;
    const log = serviceLog(cli, config);
    await using service = await openServiceStore(config, { clock, log, fetch: cli.fetch, submits: true });
    const { store, outlook } = service;
    // Its own runner's are known before that has told of them; others' runners tell of theirs.
    const places = options.runner ? profilePlaces(config, root) : { bundled: join(root, "profiles") };
    const flags = flagAsker({ binary: config.claudeBinary, path: cli.env["PATH"] ?? "", cwd: cli.cwd });
    const { summaries: profiles } = await loadProfiles(places, { flags });
    const door: DoorOptions = {
      config,
      store,
      outlook,
      profiles,
      model: { fetch: cli.fetch, env: cli.env },
      clock,
      log,
      version,
      ...storePace(config),
    };
    const startRunner = () => serviceRunner({ cli, config, store, log, storeUrl: config.redisUrl });
    await using _notifier = serviceNotifier({ cli, config, store, log });
    if ((options.transport ?? config.transport) === "stdio")
      return await overStdio(cli, door, async () => (options.runner ? startRunner() : undefined));
    const given: Partial<ApiOptions> = {
      ownsProcess: true,
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(options.port === undefined ? {} : { port: options.port }),
    };
    const api = await startApi({ ...door, ...given });
    try {
      welcome(cli, config, api.url);
      if (!options.runner) return await untilSignal(cli, noRunner());
      warnOfLogin(cli, config);
      warnOfSharing(cli, config, config.redisUrl);
      return await untilSignal(
        cli,
        startRunner().then((started) => besideApi(cli, started)),
      );
    } finally {
      // After the jobs: who follows one sees its end.
      await api.close();
    }
  },
});

const never = (): Promise<never> => new Promise(() => undefined);
const noRunner = () => ({ drain: async () => undefined, stop: async () => undefined, over: never() });

/** A runner that was drained from elsewhere ends; the API stays until it is told to end. */
function besideApi({ print }: CliContext, { drain, stop, over }: Runner) {
  let asked = false;
  return {
    stop,
    drain: () => {
      asked = true;
      return drain();
    },
    over: over.then(() => {
      if (!asked) print.note("The runner has ended; the API goes on.");
      return never();
    }),
  };
}

/** Until the client is gone or a signal comes; either way at once: jobs that run go back to the queue. */
async function overStdio(
  cli: CliContext,
  options: DoorOptions,
  startRunner: () => Promise<Runner | undefined>,
): Promise<ExitCode> {
  const { startStdio } = await import("../../api/stdio.node.ts");
  const door = startStdio(options, { input: process.stdin, output: process.stdout });
  const runner = startRunner();
  const stop = async () => {
    await door.close();
    await (await runner)?.stop();
  };
  try {
    return await untilSignal(cli, {
      drain: stop,
      stop,
      over: Promise.race([door.over, runner.then(never)]),
      notes: { drain: "Stopping: running jobs go back to the queue.", stop: "Stopping at once." },
    });
  } finally {
    await stop();
  }
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
