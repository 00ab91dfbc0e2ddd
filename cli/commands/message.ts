import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { UsageError } from "../exit-code.ts";
import { findJobId } from "../job-id.ts";

export const message = defineCommand<{ interrupt?: true; json?: true }>({
  takes: (command) =>
    command
      .argument("<id>", "the job's id, or its first characters")
      .argument("<text>", "what to tell Claude; `-` reads it from standard input")
      .option("--interrupt", "stop what Claude is doing first (else it is taken up at the next step)")
      .option("--json", "print JSON"),
  examples: [
    'agenticore message 1f0c2f5e "Also add a test"',
    'agenticore message 1f0c2f5e --interrupt "Stop: wrong file"',
  ],
  run: async (cli, { interrupt, json }, [word = "", text = ""]) => {
    const said = text === "-" ? await cli.readInput() : text;
    if (said.trim() === "") throw new UsageError("The message is empty.");
    const client = await connect(cli);
    const job = await client.message(await findJobId(client, word), {
      text: said,
      mode: interrupt ? "interrupt" : "queue",
    });
    if (json) cli.print.json({ success: true, job });
    else cli.print.note(`The message is kept for job ${job.id}; its events say when Claude has it.`);
    return 0;
  },
});
