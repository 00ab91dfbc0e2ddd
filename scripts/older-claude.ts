/** Runs the stories about crash, cancel and resume on the oldest Claude Code that is promised to work. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { oldestTested } from "../runner/claude/find-claude.ts";

/** Beginnings of file names. */
const stories = ["first-five", "claude-session", "claude-messages", "claude-stops", "crash-"].map(
  (name) => `test/story/${name}`,
);

const root = resolve(import.meta.dirname, "..");
const place = join(root, ".cache", `claude-${oldestTested}`);
await mkdir(place, { recursive: true });
console.error(`Installing Claude Code ${oldestTested} for this run.`);
// Installed at its exact version, and by its own script, which puts the binary into place.
await execa(
  "npm",
  ["install", "--prefix", place, "--no-audit", "--no-fund", `@anthropic-ai/claude-code@${oldestTested}`],
  {
    stdio: "inherit",
  },
);
const { exitCode } = await execa("vitest", ["run", "--project", "story", ...stories], {
  cwd: root,
  env: { AGENTICORE_CLAUDE_BINARY: join(place, "node_modules/.bin/claude") },
  stdio: "inherit",
  reject: false,
});
process.exitCode = exitCode ?? 1;
