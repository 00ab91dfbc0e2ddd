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

/** A process and all that its environment and its arguments say. */
type Saying = Readonly<{ pid: number; said: string }>;

/** Every other process that has this text somewhere in its environment or arguments; each is read once. */
export const processesSaying = (text: string): Saying[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .map((pid) => ({ pid, said: `${textIn(pid, "environ")}\0${textIn(pid, "cmdline")}` }))
    .filter(({ said }) => said.includes(text));

export const processesNaming = (text: string): number[] => processesSaying(text).map(({ pid }) => pid);

/** Ends them all with SIGKILL, until none is left; returns how many there were. */
export function killProcessesWith(name: string, value: string): number {
  const found = processesWith(name, value);
  for (const pid of found) kill(pid);
  return found.length === 0 ? 0 : found.length + killProcessesWith(name, value);
}

const environmentOf = (pid: number): string[] => textIn(pid, "environ").split("\0");

/** Empty for a process that is gone or a zombie. */
function textIn(pid: number, name: "environ" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}
