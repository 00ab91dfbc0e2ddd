import { defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";

export const worktree = defineCommand({
  examples: [
    "agenticore worktree prepare https://github.com/org/repo",
    "agenticore worktree cleanup --max-age-hours 24",
  ],
  parts: {
    prepare: {
      summary: "Make a worktree that later jobs can work in",
      load: async () => (await import("./worktree-prepare.ts")).worktreePrepare,
    },
    show: {
      summary: "Show one prepared worktree",
      load: async () => (await import("./worktree-show.ts")).worktreeShow,
    },
    remove: {
      summary: "Remove a prepared worktree",
      load: async () => (await import("./worktree-cleanup.ts")).worktreeRemove,
    },
    cleanup: {
      summary: "Remove several prepared worktrees, by id or by age",
      load: async () => (await import("./worktree-cleanup.ts")).worktreeCleanup,
    },
  },
  run: async () => {
    throw new UsageError("Say what to do: prepare, show, remove or cleanup.");
  },
});
