import { loadConfig } from "../../shared/load-config.node.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import type { Check } from "../doctor/check.ts";
import { checkDisk } from "../doctor/disk.ts";
import { checkGithub, checkRepo } from "../doctor/github.ts";
import { checkFolders } from "../doctor/places.ts";
import { checkServer } from "../doctor/reach.ts";
import { checkBubblewrap, checkSandbox } from "../doctor/sandbox.ts";
import { checkSharing } from "../doctor/sharing.ts";
import { checkSpool } from "../doctor/spool.ts";
import { checkStore } from "../doctor/store.ts";
import { checkClaude, checkGit, checkLogin } from "../doctor/tools.ts";

export const doctor = defineCommand<{ json?: true; repo?: string }>({
  takes: (command) =>
    command
      .option("-r, --repo <url>", "also whether work on this repository could be pushed and proposed")
      .option("--json", "print JSON"),
  examples: [
    "agenticore doctor",
    "agenticore doctor --repo https://github.com/me/project",
    "agenticore doctor --json | jq '.checks[] | select(.state != \"ok\")'",
  ],
  run: async (cli, { json, repo }) => {
    const checks = await examine(cli, repo);
    const bad = checks.filter(({ state }) => state === "broken").length;
    if (json) cli.print.json({ success: bad === 0, checks });
    else {
      cli.print.data(checks.map((check) => line(check, cli)).join("\n"));
      cli.print.note(bad === 0 ? "Jobs can run here." : `${plural(bad, "thing")} to mend before jobs can run here.`);
    }
    return bad === 0 ? 0 : 1;
  },
});

async function examine(cli: CliContext, repo: string | undefined): Promise<readonly Check[]> {
  const { config } = await loadConfig(cli);
  const groups = await Promise.all([
    checkGit(cli),
    checkClaude(cli, config),
    checkLogin(cli, config),
    checkSandbox(cli, config),
    checkBubblewrap(cli),
    checkFolders(config),
    checkSharing(config),
    checkDisk(config),
    checkStore(cli, config),
    checkSpool(config),
    checkServer(cli, config),
    checkGithub(cli, config),
    repo === undefined ? [] : checkRepo(cli, config, repo),
  ]);
  return groups.flat();
}

function line({ name, state, says, mend }: Check, { print: { paint } }: CliContext): string {
  const mark = { ok: paint.green("ok    "), warn: paint.yellow("warn  "), broken: paint.red("broken") }[state];
  return `${mark}  ${name.padEnd(12)}  ${says}${mend === undefined ? "" : `\n${" ".repeat(22)}${mend}`}`;
}
