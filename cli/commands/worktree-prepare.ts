import { isTerminal } from "../../shared/job.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { namedRepo } from "../named-repo.ts";
import { poolName, baseRef as ref } from "../option.ts";
import { watchJob } from "../watch-job.ts";

type Options = Readonly<{ baseRef?: string; pool?: string; wait?: true; json?: true }>;

export const worktreePrepare = defineCommand<Options>({
  takes: (command) =>
    command
      .argument("<repo>", "a local folder, https://host/path, ssh://host/path or user@host:path")
      .option("--base-ref <ref>", "branch, tag or commit to start from (default: the repository's own)", ref)
      .option("--pool <name>", "the runners to make it", poolName)
      .option("-w, --wait", "stay until it is ready")
      .option("--json", "print JSON"),
  examples: [
    "agenticore worktree prepare https://github.com/org/repo --base-ref main --wait",
    'agenticore run "Fix the parser" --worktree-id "$(agenticore worktree prepare .)"',
  ],
  run: async (cli, { baseRef, pool, wait, json }, [repo = ""]) => {
    const client = await connect(cli);
    const job = await client.prepareWorktree({
      repo_url: await namedRepo(repo, cli),
      ...(baseRef === undefined ? {} : { base_ref: baseRef }),
      ...(pool === undefined ? {} : { pool }),
    });
    if (wait && !isTerminal(job.status))
      return await watchJob(cli, client, { id: job.id, follow: false, json: json === true });
    if (json) cli.print.json({ success: true, job });
    else {
      cli.print.data(job.id);
      cli.print.note(`It is being prepared. See it with \`agenticore worktree show ${job.id}\`.`);
    }
    return 0;
  },
});
