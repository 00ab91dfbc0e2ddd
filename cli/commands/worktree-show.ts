import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { uuid } from "../option.ts";
import { renderWorktree } from "../render-worktree.ts";

export const worktreeShow = defineCommand<{ json?: true }>({
  takes: (command) => command.argument("<id>", "the worktree's id", uuid).option("--json", "print JSON"),
  examples: ["agenticore worktree show 1f0c2f5e-8b86-4d01-b42d-00c04fc964ff"],
  run: async (cli, { json }, [id = ""]) => {
    const tree = await (await connect(cli)).worktree(id);
    if (json) cli.print.json({ success: true, worktree: tree });
    else cli.print.data(renderWorktree(tree, { ...cli.print, nowMs: cli.clock.now() }));
    return 0;
  },
});
