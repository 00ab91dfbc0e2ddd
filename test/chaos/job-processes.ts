import { readFileSync } from "node:fs";
import { processesNaming } from "../support/leftovers.ts";
import { fakeClaude } from "./fake-claude.ts";

export type JobProcesses = Readonly<{ wardens: readonly number[]; claudes: readonly number[]; all: readonly number[] }>;

/** What lives of the jobs of a run: all below its folder that is none of the processes that are kept. */
export function jobProcesses(folder: string, kept: readonly (number | undefined)[]): JobProcesses {
  const all = processesNaming(folder)
    .filter((pid) => !kept.includes(pid))
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(({ command }) => command !== "");
  const running = (part: string) => all.flatMap(({ pid, command }) => (command.includes(part) ? [pid] : []));
  return {
    wardens: running("runner/process/warden.sh"),
    claudes: running(fakeClaude),
    all: all.map(({ pid }) => pid),
  };
}

/** For a report: who is still there. */
export const describeProcess = (pid: number): string => `${pid} ${commandOf(pid).replaceAll("\0", " ")}`.slice(0, 200);

/** Arguments joined by NUL; empty for one that has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
