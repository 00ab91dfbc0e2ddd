import { Option } from "commander";
import type { ApiClient } from "../../shared/client.ts";
import { JobStatus, type JobSummary } from "../../shared/job.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { wholeNumber } from "../option.ts";
import { renderJobs } from "../render-job.ts";

type Options = Readonly<{ limit: number; status?: JobStatus; json?: true }>;

export const jobs = defineCommand<Options>({
  takes: (command) =>
    command
      .addOption(new Option("-n, --limit <count>", "how many").argParser(wholeNumber(1, 10_000)).default(20))
      .addOption(new Option("-s, --status <status>", "only these").choices(JobStatus.options))
      .option("--json", "print JSON"),
  examples: ["agenticore jobs", "agenticore jobs -n 5 -s running", "agenticore jobs --json | jq -r '.jobs[].id'"],
  run: async (cli, { limit, status, json }) => {
    const { print, clock } = cli;
    const { rows, more } = await newest(await connect(cli), limit, status);
    if (json) print.json({ success: true, count: rows.length, jobs: rows });
    else if (rows.length === 0) print.note(status ? `No job is ${status}.` : "There are no jobs yet.");
    else print.data(renderJobs(rows, { ...print, nowMs: clock.now() }));
    if (more) print.note(`These are the newest ${plural(rows.length, "job")}; -n gives more.`);
    return 0;
  },
});

/** As many pages as it takes: one holds a hundred. */
async function newest(client: ApiClient, limit: number, status: JobStatus | undefined) {
  const rows: JobSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.jobs({
      limit: Math.min(100, limit - rows.length),
      ...(status ? { status } : {}),
      ...(cursor ? { cursor } : {}),
    });
    rows.push(...page.jobs);
    cursor = page.next_cursor;
  } while (cursor !== undefined && rows.length < limit);
  return { rows, more: cursor !== undefined };
}
