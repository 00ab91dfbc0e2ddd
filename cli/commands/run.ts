import { randomUUID } from "node:crypto";
import { Option } from "commander";
import type { JobRequestInput } from "../../shared/job.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../exit-code.ts";
import { uncommittedFiles } from "../local-folder.ts";
import { namedRepo } from "../named-repo.ts";
import { amount, baseRef, poolName, profileName, uuid, wholeNumber } from "../option.ts";
import { watchJob } from "../watch-job.ts";

type Options = Readonly<{
  repo?: string;
  profile?: string;
  baseRef?: string;
  wait?: true;
  follow?: true;
  sessionId?: string;
  worktreeId?: string;
  pool?: string;
  priority?: number;
  timeoutSeconds?: number;
  maxBudgetUsd?: number;
  notify?: string;
  json?: true;
}>;

export const run = defineCommand<Options>({
  takes: (command) =>
    command
      .argument("<task>", "what to do, in words; `-` reads it from standard input")
      .option("-r, --repo <repo>", "a local folder, https://host/path, ssh://host/path or user@host:path")
      .option("-p, --profile <name>", "how Claude is run; `agenticore profiles` lists them", profileName)
      .option("--base-ref <ref>", "branch, tag or commit to start from (default: the repository's own)", baseRef)
      .option("-w, --wait", "stay until the job ends and print it")
      .option("--follow", "stay and print what happens as it happens")
      .option("--session-id <id>", "go on with the Claude session of an earlier job", uuid)
      .option("--worktree-id <id>", "work in a prepared worktree", uuid)
      .option("--pool <name>", "the runners to take it", poolName)
      .addOption(new Option("--priority <number>", "-10 to 10, higher first").argParser(wholeNumber(-10, 10)))
      .addOption(new Option("--timeout-seconds <number>", "time limit").argParser(wholeNumber(1, 86_400)))
      .addOption(new Option("--max-budget-usd <amount>", "cost limit").argParser(amount(0.01, 1000)))
      .option("--notify <url>", "an https address that is told of the job's end, waits and questions")
      .option("--json", "print JSON; with --follow one event per line, then the job"),
  examples: [
    'agenticore run "Fix the failing test in parser.ts" -r . --follow',
    'agenticore run "Update the changelog" -r https://github.com/org/repo -p code --wait',
    "agenticore run - -r . --wait < task.md",
    'agenticore run -r . -- "--verbose has no effect: mend it"',
  ],
  run: async (cli, options, [text = ""]) => {
    const request = await requestOf(cli, options, text);
    const client = await connect(cli);
    // The key makes a repeated request harmless: a lost answer is asked for again by the same person.
    const { job } = await client.submit(request, { idempotencyKey: randomUUID() });
    const json = options.json === true;
    if (job.durability === "spooled") cli.print.warn(spooled);
    if (options.wait || options.follow) {
      cli.print.note(`Job ${job.id} is ${job.status}.`);
      return watchJob(cli, client, { id: job.id, follow: options.follow === true, json });
    }
    if (json) cli.print.json({ success: true, job });
    else {
      cli.print.data(job.id);
      cli.print.note(`The job is ${job.status}. See what happens with \`agenticore job ${job.id} --follow\`.`);
    }
    return 0;
  },
});

/** Exit code 0: the server has taken the job upon itself. */
const spooled =
  "The server cannot reach its store, so it keeps the job on its own disk (spooled): it is queued as soon as the store is back, under the same id. Until then only this server knows of it, and no runner takes it.";

async function requestOf(cli: CliContext, options: Options, text: string): Promise<JobRequestInput> {
  const task = text === "-" ? await cli.readInput() : text;
  if (task.trim() === "") throw new UsageError("The task is empty.");
  return {
    task,
    ...present({
      repo_url: options.repo === undefined ? undefined : await repoOf(cli, options.repo),
      profile: options.profile,
      base_ref: options.baseRef,
      session_id: options.sessionId,
      worktree_id: options.worktreeId,
      pool: options.pool,
      priority: options.priority,
      timeout_seconds: options.timeoutSeconds,
      max_budget_usd: options.maxBudgetUsd,
      notify_url: options.notify,
    }),
  };
}

async function repoOf(cli: CliContext, word: string): Promise<string> {
  const repo = await namedRepo(word, cli);
  const count = repo.startsWith("/") ? await uncommittedFiles(repo, cli) : undefined;
  if (count)
    cli.print.warn(
      `${repo} has uncommitted changes (${plural(count, "file")}): they are not part of the job. It starts from the last commit.`,
    );
  return repo;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const present = <T extends object>(values: T): Present<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
