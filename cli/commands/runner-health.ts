import { RunnerHealth } from "../../runner/health.ts";
import { placesOf } from "../../runner/places.ts";
import { askRunners } from "../../runner/process/instance.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";

const patienceMs = 5_000;

/** For a container's health check and for people on the box: no server and no store is asked. */
export const runnerHealth = defineCommand<{ live?: true; json?: true }>({
  takes: (command) =>
    command
      .option("--live", "only whether it answers: for who would restart it, which helps against nothing else")
      .option("--json", "print JSON"),
  examples: ["agenticore runner health", "agenticore runner health --live"],
  run: async (cli, { live, json }) => {
    const { config } = await loadConfig(cli);
    const answers = await askRunners(placesOf(config).runs, patienceMs);
    const runners = answers.map((answer) => RunnerHealth.safeParse(answer).data);
    const problems = runners.flatMap((runner) => {
      if (runner === undefined) return [`A runner does not answer within ${patienceMs / 1000} s.`];
      return live ? [] : runner.problems;
    });
    if (runners.length === 0) problems.push(`No runner lives on ${config.dataDir}.`);
    const success = problems.length === 0;
    if (json) cli.print.json({ success, runners: runners.filter((runner) => runner !== undefined), problems });
    else for (const runner of runners) if (runner) cli.print.data(line(runner));
    for (const problem of problems) cli.print.warn(problem);
    return success ? 0 : 1;
  },
});

const line = ({ name, version, running, capacity, draining }: RunnerHealth): string =>
  `${name}: agenticore ${version}, ${plural(running, "job")} of ${capacity}${draining ? ", draining" : ""}`;
