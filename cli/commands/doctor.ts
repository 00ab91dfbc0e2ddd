import { loadConfig } from "../../shared/load-config.node.ts";
import { plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import type { Check } from "../doctor/check.ts";
import { checkDisk } from "../doctor/disk.ts";
import { checkFolders } from "../doctor/places.ts";
import { checkGithub, checkServer } from "../doctor/reach.ts";
import { checkSandbox } from "../doctor/sandbox.ts";
import { checkSharing } from "../doctor/sharing.ts";
import { checkSpool } from "../doctor/spool.ts";
import { checkStore } from "../doctor/store.ts";
import { checkClaude, checkGit, checkLogin } from "../doctor/tools.ts";

export const doctor = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore doctor", "agenticore doctor --json | jq '.checks[] | select(.state != \"ok\")'"],
  run: async (cli, { json }) => {
    const checks = await examine(cli);
    const bad = checks.filter(({ state }) => state === "broken").length;
    if (json) cli.print.json({ success: bad === 0, checks });
    else {
      cli.print.data(checks.map((check) => line(check, cli)).join("\n"));
      cli.print.note(bad === 0 ? "Jobs can run here." : `${plural(bad, "thing")} to mend before jobs can run here.`);
    }
    return bad === 0 ? 0 : 1;
  },
});

async function examine(cli: CliContext): Promise<readonly Check[]> {
  const { config } = await loadConfig(cli);
  const groups = await Promise.all([
    checkGit(cli),
    checkClaude(cli, config),
    checkLogin(cli, config),
    checkSandbox(cli, config),
    checkFolders(config),
    checkSharing(config),
    checkDisk(config),
    checkStore(cli, config),
    checkSpool(config),
    checkServer(cli, config),
    checkGithub(cli, config),
  ]);
  return groups.flat();
}

function line({ name, state, says, mend }: Check, { print: { paint } }: CliContext): string {
  const mark = { ok: paint.green("ok    "), warn: paint.yellow("warn  "), broken: paint.red("broken") }[state];
  return `${mark}  ${name.padEnd(12)}  ${says}${mend === undefined ? "" : `\n${" ".repeat(22)}${mend}`}`;
}
