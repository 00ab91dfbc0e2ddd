import { Option } from "commander";
import { type AppError, isStoreAway } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { openServiceStore, storeUrlOf, worksThroughApi } from "../open-store.ts";
import { wholeNumber } from "../option.ts";
import { serviceLog, untilSignal, warnOfLogin, warnOfSharing } from "../service.ts";
import { serviceNotifier } from "../service-notifier.ts";
import { serviceRunner } from "../service-runner.ts";

/** A store that is away may come back; one that refuses does not. */
const unlessAway = (step: Promise<void>): Promise<void> =>
  step.catch((error: unknown) => {
    if (!isStoreAway(error)) throw error;
  });

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
    "AGENTICORE_URL=https://agents.example.org AGENTICORE_API_KEY=ak_… agenticore runner",
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
    const refusal = Promise.withResolvers<AppError>();
    const onRefused = refusal.resolve;
    await using service = await openServiceStore(config, {
      ...{ clock, log, fetch: cli.fetch, submits: false, onRefused },
    });
    const { store } = service;
    const storeUrl = storeUrlOf(config);
    await using _notifier = worksThroughApi(config) ? undefined : serviceNotifier({ cli, config, store, log });
    warnOfLogin(cli, config);
    warnOfSharing(cli, config, storeUrl);
    return await untilSignal(cli, starting()); // the store must stay open until then

    async function starting() {
      if (storeUrl !== undefined) await unlessAway(store.ping());
      const started = await serviceRunner({ cli, config, store, log, storeUrl });
      print.note(`agenticore ${version} runner ${config.podName} takes jobs of ${config.pools.join(", ")}`);
      let refusedBy: AppError | undefined;
      // What waiting does not mend is told and not tried for ever: running jobs end, and the runner with them.
      void refusal.promise.then((error) => {
        refusedBy = error;
        log.error("this runner is refused: it takes no more jobs, and ends", { error: error.message });
        void started.drain();
      });
      const over = started.over.then(() => {
        if (refusedBy) throw refusedBy;
      });
      return { ...started, over, ...(drainTimeout === undefined ? {} : { drainMs: drainTimeout * 1000 }) };
    }
  },
});
