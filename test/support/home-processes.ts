import { readFileSync } from "node:fs";
import { processesSaying } from "./leftovers.ts";

/** What lives below a home, its servers and commands aside. */
export type HomeProcesses = Readonly<{
  /** A job's: its warden, and whatever it started or that has lost its server. */
  ofJobs: number[];
  /** Those, and the servers' own: git, locks, and the trial of the sandbox that each start makes with a warden. */
  all: number[];
}>;

/**
 * Tells them apart by who started whom: what a living server, told by AGENTICORE_PORT in its environment, has started without
 * a job's warden in between is its own. Nothing else is let pass, whatever it made of its environment.
 */
export function processesBelow(home: string): HomeProcesses {
  const found = processesSaying(home);
  const servers = new Set(found.filter(({ said }) => said.includes("AGENTICORE_PORT=")).map(({ pid }) => pid));
  const all = found.map(({ pid }) => pid).filter((pid) => !servers.has(pid));
  return { all, ofJobs: all.filter((pid) => whose(pid, servers) === "a job's") };
}

function whose(pid: number, servers: ReadonlySet<number>): "a job's" | "a server's" | "nobody's" {
  for (let at = pid; at > 1; ) {
    if (servers.has(at)) return "a server's";
    if (isJobsWarden(at)) return "a job's";
    const parent = parentOf(at);
    if (parent === undefined && at === pid) return "nobody's"; // it has just ended
    at = parent ?? pid; // who has lost a parent on the way up has another one now
  }
  return "a job's";
}

/** Not that of the trial, whose job is called `probe`. */
const isJobsWarden = (pid: number): boolean =>
  /\/runner\/process\/warden\.sh\0(?!probe\0)/.test(fileOf(pid, "cmdline") ?? "");

/** Undefined for one that has ended: zombies too (proc(5), field 3 and 4 of stat). */
function parentOf(pid: number): number | undefined {
  const [, state = "X", parent] = /^.*\) (\S) (\d+) /s.exec(fileOf(pid, "stat") ?? "") ?? [];
  return state === "X" || state === "Z" ? undefined : Number(parent);
}

function fileOf(pid: number, name: "cmdline" | "stat"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
