import type { ApiClient } from "../shared/client.ts";
import type { Job } from "../shared/job.ts";
import { defineCommand } from "./command.ts";
import { connect } from "./connect.ts";
import { findJobId } from "./job-id.ts";

type Facts = Readonly<{ example: string; ask: (client: ApiClient, id: string) => Promise<Job> }>;

/** A command that puts one ended job into the queue once more, and prints its id and status. */
export const queueAgain = ({ example, ask }: Facts) =>
  defineCommand<{ json?: true }>({
    takes: (command) =>
      command.argument("<id>", "the id of an ended job, or its first characters").option("--json", "print JSON"),
    examples: [example],
    run: async (cli, { json }, [word = ""]) => {
      const client = await connect(cli);
      const job = await ask(client, await findJobId(client, word));
      if (json) cli.print.json({ success: true, job });
      else cli.print.data(`${job.id} ${job.status}`);
      return 0;
    },
  });
