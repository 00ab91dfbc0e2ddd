import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { findJobId } from "../job-id.ts";
import { renderJob } from "../render-job.ts";
import { watchJob } from "../watch-job.ts";

type Options = Readonly<{ json?: true; follow?: true }>;

export const job = defineCommand<Options>({
  takes: (command) =>
    command
      .argument("<id>", "the job's id, or its first characters")
      .option("--json", "print JSON; with --follow one event per line, then the job")
      .option("--follow", "print what happened and what happens, until the job ends"),
  examples: ["agenticore job 1f0c2f5e", "agenticore job 1f0c2f5e --follow", "agenticore job 1f0c2f5e --json"],
  run: async (cli, { json, follow }, [word = ""]) => {
    const client = await connect(cli);
    const id = await findJobId(client, word);
    if (follow) return watchJob(cli, client, { id, follow: true, json: json === true });
    const found = await client.job(id);
    if (json) cli.print.json({ success: true, job: found });
    else cli.print.data(renderJob(found, { ...cli.print, nowMs: cli.clock.now() }));
    return 0;
  },
});
