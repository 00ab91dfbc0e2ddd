import { resolve } from "node:path";
import { sharedFolders } from "../../runner/shared-root.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { prepareSharedFs } from "../shared-fs.ts";

type Options = Readonly<{ sharedRoot?: string; json?: true }>;

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
    const { folders, checks } = await prepareSharedFs(root);
    if (json) cli.print.json({ success: true, root, folders, checks });
    else cli.print.data(folders.join("\n"));
    for (const { ok, says } of checks) if (!ok) cli.print.warn(says);
    cli.print.note(
      `${root} is ready: ${sharedFolders.join(", ")}. Set AGENTICORE_SHARED_FS_ROOT=${root} and REDIS_URL on every runner, under the same user.`,
    );
    return 0;
  },
});
