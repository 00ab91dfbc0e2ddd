import { Option } from "commander";
import type { ApiClient } from "../../shared/client.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { duration, plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import { clientOf } from "../connect.ts";
import { wholeNumber } from "../option.ts";

type Options = Readonly<{ timeout: number; json?: true }>;

export const drain = defineCommand<Options>({
  takes: (command) =>
    command
      .argument("[runner]", "the runner's name (default: the one of this machine)")
      .addOption(
        new Option("--timeout <seconds>", "how long to wait for its jobs")
          .argParser(wholeNumber(0, 86_400))
          .default(300),
      )
      .option("--json", "print JSON"),
  examples: ["agenticore drain", "agenticore drain build-box-2 --timeout 3600"],
  run: async (cli, { timeout, json }, [word]) => {
    const { print, clock } = cli;
    const { config } = await loadConfig(cli);
    const client = clientOf(cli, config);
    const name = word ?? config.podName;
    await client.drain(name);
    print.note(`${name} takes no more jobs.`);
    const startedAt = clock.uptime();
    let left = await living(client, name);
    while (left.runners > 0 && clock.uptime() - startedAt < timeout * 1000) {
      print.progress(`${plural(left.jobs, "job")} still running · ${duration(clock.uptime() - startedAt)}`);
      await clock.sleep(500);
      left = await living(client, name);
    }
    print.progress(undefined);
    if (json) print.json({ success: left.runners === 0, name, running: left.jobs });
    if (left.runners === 0) {
      print.note(`${name} is drained.`);
      return 0;
    }
    const has = left.jobs > 0 ? `still has ${plural(left.jobs, "job")}` : "has not ended";
    print.error(`${name} ${has} after ${duration(timeout * 1000)}.`);
    print.note("  It goes on draining. Wait again, cancel the jobs, or end the runner: its jobs go back to the queue.");
    return 1;
  },
});

/** A drained runner takes its record away; one without jobs that is still there may just be taking one. */
async function living(client: ApiClient, name: string): Promise<Readonly<{ runners: number; jobs: number }>> {
  const runners = (await client.runners()).filter((runner) => runner.name === name);
  return { runners: runners.length, jobs: runners.reduce((sum, runner) => sum + runner.running, 0) };
}
