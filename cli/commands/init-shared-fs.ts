import { accessSync, chmodSync, constants, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";

type Options = Readonly<{ sharedRoot?: string; json?: true }>;

/** What runners that share a file system keep there: the clone caches, trees that outlive a job, job files, the login. */
const folders = ["repos", "worktrees", "jobs", ".claude"] as const;

export const initSharedFs = defineCommand<Options>({
  takes: (command) =>
    command
      .option("--shared-root <folder>", "the shared folder (default: AGENTICORE_SHARED_FS_ROOT)")
      .option("--json", "print JSON"),
  examples: ["agenticore init-shared-fs --shared-root /shared"],
  run: async (cli, { sharedRoot, json }) => {
    const given = sharedRoot ?? (await loadConfig(cli)).config.sharedFsRoot;
    if (!given) throw new UsageError("Name the folder with --shared-root, or set AGENTICORE_SHARED_FS_ROOT.");
    const root = resolve(cli.cwd, given);
    const made = folders.map((name) => join(root, name));
    for (const folder of made) makePrivate(folder);
    if (json) cli.print.json({ success: true, root, folders: made });
    else cli.print.data(made.join("\n"));
    cli.print.note(`${root} is ready. Set AGENTICORE_SHARED_FS_ROOT=${root} on every runner, under the same user.`);
    return 0;
  },
});

/** @throws AppError `setup_failed` with the folder and the reason. */
function makePrivate(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Also a folder that was there before: what is in it are logins and other people's code.
    chmodSync(folder, 0o700);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new AppError("setup_failed", `${folder} cannot be made ready: ${(error as Error).message}`, {
      remedy: "Check that the shared file system is mounted and that this user may write there.",
    });
  }
}
