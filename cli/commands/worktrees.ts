import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { renderWorktrees } from "../render-worktree.ts";

export const worktrees = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore worktrees", "agenticore worktrees --json | jq -r '.worktrees[].id'"],
  run: async (cli, { json }) => {
    const { print, clock } = cli;
    const found = await (await connect(cli)).worktrees();
    if (json) print.json({ success: true, count: found.length, worktrees: found });
    else if (found.length === 0) print.note("There are no prepared worktrees.");
    else print.data(renderWorktrees(found, { ...print, nowMs: clock.now() }));
    return 0;
  },
});
