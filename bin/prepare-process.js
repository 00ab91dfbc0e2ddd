import { spawnSync } from "node:child_process";
import { readdirSync, statSync, utimesSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import v8 from "node:v8";

/** Processes that stay, of which each machine may have several. */
const services = ["serve", "runner"];
const sources = ["api", "cli", "runner", "shared"];

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
  const compiledAt = timeOf(folder);
  const { status } = module.enableCompileCache(folder);
  const isKept = status === module.constants.compileCacheStatus.ENABLED;
  if (!isService || isBuilt || !isKept || process.argv.includes("--help") || compiledAt > newestSource(root)) return;
  // What strips types keeps 25 MB for good: another process does it, and ends.
  spawnSync(process.execPath, [script, command, "--help"], { stdio: "ignore", timeout: 30_000 });
  setTime(folder, new Date());
}

const newestSource = (root) =>
  Math.max(
    0,
    ...sources.flatMap((name) =>
      foldersAndFiles(join(root, name)).map((entry) => timeOf(join(entry.parentPath, entry.name))),
    ),
  );

/** Milliseconds; 0 for what is not there. */
const timeOf = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function setTime(folder, time) {
  try {
    utimesSync(folder, time, time);
  } catch {
    // Somebody else's: the next start compiles again.
  }
}

function foldersAndFiles(folder) {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
}
