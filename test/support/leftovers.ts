import { readdirSync, readFileSync } from "node:fs";

/** Processes that carry `NAME=value` in their environment, wherever they have moved to (proc(5), environ). */
export const processesWith = (name: string, value: string): number[] =>
  processesWhere((pair) => pair === `${name}=${value}`);

/** Processes whose variable names something below this folder, or the folder itself. */
export const processesUnder = (name: string, folder: string): number[] =>
  processesWhere((pair) => pair === `${name}=${folder}` || pair.startsWith(`${name}=${folder}/`));

const processesWhere = (fits: (pair: string) => boolean): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && environmentOf(pid).some(fits));

/** Processes that have this text somewhere in their environment or arguments. */
export const processesNaming = (text: string): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => [...environmentOf(pid), ...listIn(pid, "cmdline")].some((entry) => entry.includes(text)));

/** Ends them all with SIGKILL, until none is left; returns how many there were. */
export function killProcessesWith(name: string, value: string): number {
  const found = processesWith(name, value);
  for (const pid of found) kill(pid);
  return found.length === 0 ? 0 : found.length + killProcessesWith(name, value);
}

/** Empty for a process that is gone or a zombie. */
const environmentOf = (pid: number): string[] => listIn(pid, "environ");

function listIn(pid: number, name: "environ" | "cmdline"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}
