import { isTerminal } from "../../shared/job.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { findJobId } from "../job-id.ts";

export const cancel = defineCommand<{ json?: true }>({
  takes: (command) => command.argument("<id>", "the job's id, or its first characters").option("--json", "print JSON"),
  examples: ["agenticore cancel 1f0c2f5e"],
  run: async (cli, { json }, [word = ""]) => {
    const client = await connect(cli);
    const job = await client.cancel(await findJobId(client, word));
    if (json) cli.print.json({ success: true, job });
    else cli.print.data(`${job.id} ${job.status}`);
    if (job.durability === "spooled" && !isTerminal(job.status))
      cli.print.note("The server cannot reach its store: the job is cancelled, and not started, as soon as it can.");
    else if (!isTerminal(job.status)) cli.print.note("It is being stopped; that takes a few seconds.");
    else if (job.status !== "cancelled") cli.print.note("It had already ended; nothing is changed.");
    return 0;
  },
});
