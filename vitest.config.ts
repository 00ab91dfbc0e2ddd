import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

/** Wrangler asks nothing of the internet. */
const quietWrangler = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };

/** Quick tests share one process; those that start processes of ours are isolated; long ones belong to verify:full. */
export default defineConfig({
  test: {
    // Of the whole run; a project has none of its own.
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/story/**", "test/**/*.long.test.ts"],
          isolate: false,
          env: quietWrangler,
          testTimeout: 90_000,
          hookTimeout: 60_000,
          // Of two cores Vitest would use one.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "story",
          include: ["test/story/**/*.test.ts"],
          exclude: ["test/**/*.long.test.ts"],
          isolate: true,
          env: quietWrangler,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          // After the quick ones, so that a quick failure is told first.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "long",
          include: ["test/**/*.long.test.ts"],
          isolate: true,
          testTimeout: 600_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
