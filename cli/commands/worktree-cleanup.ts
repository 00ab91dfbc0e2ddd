import { Option } from "commander";
import type { z } from "zod";
import type { CleanupRequest } from "../../shared/worktree.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, UsageError } from "../exit-code.ts";
import { amount, uuid } from "../option.ts";

const force = ["--force", "also with work that was not pushed, which is lost then"] as const;

export const worktreeRemove = defineCommand<Readonly<{ force?: true; json?: true }>>({
  takes: (command) =>
    command
      .argument("<id>", "the worktree's id", uuid)
      .option(...force)
      .option("--json", "print JSON"),
  examples: ["agenticore worktree remove 1f0c2f5e-8b86-4d01-b42d-00c04fc964ff"],
  run: async (cli, { force = false, json }, [id = ""]) => clean(cli, { worktree_ids: [id], force }, json === true),
});

export const worktreeCleanup = defineCommand<Readonly<{ maxAgeHours?: number; force?: true; json?: true }>>({
  takes: (command) =>
    command
      .argument("[ids...]", "the worktrees' ids", uuid)
      .addOption(
        new Option("--max-age-hours <hours>", "those that nobody used for so long").argParser(amount(0, 87_600)),
      )
      .option(...force)
      .option("--json", "print JSON"),
  examples: ["agenticore worktree cleanup --max-age-hours 48"],
  run: async (cli, { maxAgeHours, force = false, json }, ids) => {
    if ((ids.length === 0) === (maxAgeHours === undefined)) throw new UsageError("Give ids, or --max-age-hours.");
    const which = maxAgeHours === undefined ? { worktree_ids: [...ids] } : { max_age_hours: maxAgeHours };
    return await clean(cli, { ...which, force }, json === true);
  },
});

async function clean(cli: CliContext, asked: z.input<typeof CleanupRequest>, json: boolean): Promise<ExitCode> {
  const jobs = await (await connect(cli)).cleanupWorktrees(asked);
  const count = jobs.reduce((sum, { cleanup }) => sum + (cleanup?.worktree_ids.length ?? 0), 0);
  if (json) cli.print.json({ success: true, count: jobs.length, jobs });
  else if (jobs.length > 0) cli.print.data(jobs.map(({ id }) => id).join("\n"));
  if (!json)
    cli.print.note(count === 0 ? "There is nothing to remove." : `${plural(count, "worktree")} will be removed.`);
  return 0;
}
