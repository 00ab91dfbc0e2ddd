import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Option } from "commander";
import { findClaude } from "../../runner/claude/find-claude.ts";
import { AppError } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { wholeNumber } from "../option.ts";
import { environmentText } from "../systemd/environment-file.ts";
import { unitText } from "../systemd/unit.ts";
import {
  type UnitOptions,
  type UnitPlaces,
  unitName,
  unitPlaces,
  writeEnvironment,
  writeUnit,
} from "../systemd/unit-files.ts";

type Options = UnitOptions & Readonly<{ as?: string; drain: number; print?: true; json?: true }>;

export const runnerInstall = defineCommand<Options>({
  takes: (command) =>
    command
      .option("--as <name>", "as root: the user that it runs as (default: who called sudo, else agenticore)")
      .option("--user", "a unit of this user's own, also for root")
      .addOption(
        new Option("--drain <seconds>", "how long jobs may go on when it is stopped, before they are given back")
          .argParser(wholeNumber(0, 86_400))
          .default(300),
      )
      .option("--print", "print the unit, and write nothing")
      .option("--force", "replace a unit that was changed by hand")
      .option("--root <folder>", "write below this folder, for the image of a machine")
      .option("--json", "print JSON"),
  examples: [
    "sudo agenticore runner install --as builder",
    "agenticore runner install --drain 3600",
    "agenticore runner install --print",
  ],
  run: async (cli, options) => {
    const { print } = cli;
    const places = unitPlaces(cli, options);
    const user = places.isSystem ? (options.as ?? cli.env["SUDO_USER"] ?? "agenticore") : undefined;
    const text = unitText({
      command: [process.execPath, programOf(cli), "runner", "--drain-timeout", String(options.drain)],
      path: await searchPath(cli),
      environmentFile: join("/", places.environment.slice((options.root ?? "/").length)),
      drainSeconds: options.drain,
      ...(user === undefined ? {} : { user }),
    });
    if (options.print) {
      print.data(text.trimEnd());
      return 0;
    }
    if (user !== undefined && options.root === undefined) await mustExist(user);
    const unit = await writeUnit(places.unit, text, options);
    const environment = await writeEnvironment(places.environment, environmentText(cli.env));
    const commands = nextCommands(places);
    if (options.json) {
      const files = { unit: places.unit, environment_file: places.environment };
      print.json({
        success: true,
        ...files,
        changed: unit === "new",
        environment_kept: environment === "kept",
        commands,
      });
      return 0;
    }
    print.data(`${places.unit}${unit === "same" ? " (as it was)" : ""}`);
    print.data(`${places.environment}${environment === "kept" ? " (as it was)" : ""}`);
    print.note(
      `Put REDIS_URL (or AGENTICORE_URL and AGENTICORE_API_KEY) and Claude's login into ${places.environment}, then:`,
    );
    for (const command of commands) print.note(`  ${command}`);
    return 0;
  },
});

const nextCommands = ({ isSystem, systemctl }: UnitPlaces): readonly string[] => [
  `${systemctl} daemon-reload`,
  ...(isSystem ? [] : ["loginctl enable-linger"]),
  `${systemctl} enable --now ${unitName}`,
  `journalctl ${isSystem ? "" : "--user "}-u ${unitName} -f`,
];

/** @throws AppError `setup_failed` where npm would delete the program one day. */
function programOf({ root }: CliContext): string {
  if (root.includes("/_npx/"))
    throw new AppError("setup_failed", `${root} is npx's own copy, which npm deletes now and then.`, {
      remedy: "Run `npm install --global agenticore`, then `agenticore runner install`.",
    });
  return join(root, "bin/agenticore.js");
}

/** The system's, with the folders of this Node and of Claude Code before it; a service has no other. */
async function searchPath(cli: CliContext): Promise<string> {
  const { config } = await loadConfig(cli);
  const claude = await findClaude({
    binary: config.claudeBinary,
    path: cli.env["PATH"] ?? "",
    cwd: cli.cwd,
  }).catch((error: unknown) => {
    cli.print.warn(`${error instanceof Error ? error.message : error} Install it before the runner is started.`);
    return undefined;
  });
  const own = [...(claude === undefined ? [] : [dirname(claude)]), dirname(process.execPath)];
  return [...new Set([...own, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])].join(
    ":",
  );
}

/** @throws AppError `setup_failed`. */
async function mustExist(user: string): Promise<void> {
  try {
    await promisify(execFile)("id", ["-u", "--", user], { env: { PATH: "/usr/bin:/bin" } });
  } catch (error) {
    throw new AppError("setup_failed", `There is no user ${user} on this machine.`, {
      cause: error,
      remedy: `Make it with \`useradd --create-home --shell /bin/bash ${user}\`, or name another with --as.`,
    });
  }
}
