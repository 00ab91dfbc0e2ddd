import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { findJobId } from "../job-id.ts";

export const retry = defineCommand<{ json?: true }>({
  takes: (command) =>
    command.argument("<id>", "the id of an ended job, or its first characters").option("--json", "print JSON"),
  examples: ["agenticore retry 1f0c2f5e"],
  run: async (cli, { json }, [word = ""]) => {
    const client = await connect(cli);
    const job = await client.retry(await findJobId(client, word));
    if (json) cli.print.json({ success: true, job });
    else cli.print.data(`${job.id} ${job.status}`);
    return 0;
  },
});
