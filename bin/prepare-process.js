import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import v8 from "node:v8";

/** Processes that stay, of which each machine may have several. */
const services = ["serve", "runner"];

/**
 * Makes this process start quickly and stay small. Code is stripped of its types and compiled once, not at every start
 * (nodejs.org/api/module.html#module-compile-cache): half the time. Where the folder cannot be written nothing is kept.
 * @param {{root: string, script: string, command: string | undefined, isBuilt: boolean}} what
 */
export function prepareProcess({ root, script, command, isBuilt }) {
  const isService = services.includes(command);
  // Else V8 lets 150 MB of garbage lie before it collects. Compiled code is valid for the flags that it was made with.
  if (isService) v8.setFlagsFromString("--optimize-for-size");
  const folder = join(root, ".cache/compiled", isService ? command : "commands");
  const isFirst = !existsSync(folder);
  const { status } = module.enableCompileCache(folder);
  const { ENABLED } = module.constants.compileCacheStatus;
  if (!isService || isBuilt || !isFirst || status !== ENABLED || process.argv.includes("--help")) return;
  // What strips types keeps 25 MB for good: another process does it, and ends.
  spawnSync(process.execPath, [script, command, "--help"], { stdio: "ignore", timeout: 30_000 });
}
