import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { openServiceStore } from "../open-store.ts";
import { serviceLog, untilSignal, warnOfLogin, warnOfSharing } from "../service.ts";
import { serviceRunner } from "../service-runner.ts";

export const runner = defineCommand({
  examples: ["agenticore runner", "AGENTICORE_MAX_PARALLEL_JOBS=6 AGENTICORE_POOLS=default,big agenticore runner"],
  parts: {
    health: {
      summary: "Ask the runners of this machine's data folder how they are",
      load: async () => (await import("./runner-health.ts")).runnerHealth,
    },
  },
  run: async (cli) => {
    const { config } = await loadConfig(cli);
    const { clock, print, version } = cli;
    const log = serviceLog(cli, config);
    await using store = await openServiceStore(config, { clock, log, fetch: cli.fetch });
    warnOfLogin(cli, config);
    warnOfSharing(cli, config);
    const started = await serviceRunner({ cli, config, store, log });
    print.note(`agenticore ${version} runner ${config.podName} takes jobs of ${config.pools.join(", ")}`);
    return await untilSignal(cli, started); // the store must stay open until then
  },
});
