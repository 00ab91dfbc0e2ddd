import { Option } from "commander";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { openServiceStore } from "../open-store.ts";
import { wholeNumber } from "../option.ts";
import { serviceLog, untilSignal, warnOfLogin, warnOfSharing } from "../service.ts";
import { serviceRunner } from "../service-runner.ts";

export const runner = defineCommand<Readonly<{ drainTimeout?: number }>>({
  takes: (command) =>
    command.addOption(
      new Option(
        "--drain-timeout <seconds>",
        "told to end, give back jobs that still run after so long (default: wait for them)",
      ).argParser(wholeNumber(0, 86_400)),
    ),
  examples: [
    "agenticore runner",
    "AGENTICORE_MAX_PARALLEL_JOBS=6 AGENTICORE_POOLS=default,big agenticore runner --drain-timeout 600",
  ],
  parts: {
    install: {
      summary: "Write a systemd unit that keeps a runner on this machine",
      load: async () => (await import("./runner-install.ts")).runnerInstall,
    },
    uninstall: {
      summary: "Remove that unit",
      load: async () => (await import("./runner-uninstall.ts")).runnerUninstall,
    },
    health: {
      summary: "Ask the runners of this machine's data folder how they are",
      load: async () => (await import("./runner-health.ts")).runnerHealth,
    },
  },
  run: async (cli, { drainTimeout }) => {
    const { config } = await loadConfig(cli);
    const { clock, print, version } = cli;
    const log = serviceLog(cli, config);
    await using service = await openServiceStore(config, { clock, log, fetch: cli.fetch, submits: false });
    const { store } = service;
    warnOfLogin(cli, config);
    warnOfSharing(cli, config);
    return await untilSignal(cli, starting()); // the store must stay open until then

    async function starting() {
      const started = await serviceRunner({ cli, config, store, log });
      print.note(`agenticore ${version} runner ${config.podName} takes jobs of ${config.pools.join(", ")}`);
      return { ...started, ...(drainTimeout === undefined ? {} : { drainMs: drainTimeout * 1000 }) };
    }
  },
});
