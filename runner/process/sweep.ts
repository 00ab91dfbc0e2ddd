import { readdir, readFile } from "node:fs/promises";
import type { Clock } from "../../shared/clock.ts";
import { type ProcessId, processOf, signalProcess } from "./process-id.ts";

/** What every process of an attempt has in its environment, unless it cleared it. */
export const markerOf = ({ job, fence }: Attempt): Readonly<Record<string, string>> => ({
  AGENTICORE_JOB_ID: job,
  AGENTICORE_FENCE: String(fence),
});

/** One attempt of a job. */
export type Attempt = Readonly<{ job: string; fence: number }>;

/** The living processes that carry the marker of the job, but not those of a later attempt. */
export async function findMarked(attempt: Attempt): Promise<readonly ProcessId[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => markedProcess(pid, attempt)));
  return found.filter((id) => id !== undefined);
}

/**
 * SIGKILL to all that `findMarked` finds, again and again (they may fork meanwhile), for at most `withinMs`.
 * @returns those that still live: empty when it worked.
 */
export async function sweepMarked(attempt: Attempt, clock: Clock, withinMs = 5_000): Promise<readonly ProcessId[]> {
  const until = clock.uptime() + withinMs;
  for (let clean = 0; ; ) {
    const found = await findMarked(attempt);
    clean = found.length === 0 ? clean + 1 : 0;
    if (clean === cleanLooks || clock.uptime() > until) return found;
    for (const id of found) signalProcess(id, "SIGKILL");
    await clock.sleep(20);
  }
}

/** One look is no proof: a process has no environment to be seen in the moment of its execve(2), nor before a fork is over. */
const cleanLooks = 3;

async function markedProcess(pid: number, { job, fence }: Attempt): Promise<ProcessId | undefined> {
  const id = processOf(pid); // before its environment: what is killed later is what was looked at
  if (!id) return undefined;
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  if (!environment.includes(job)) return undefined;
  const entries = environment.split("\0");
  if (!entries.includes(`AGENTICORE_JOB_ID=${job}`)) return undefined;
  const theirs = entries.find((entry) => entry.startsWith("AGENTICORE_FENCE="))?.slice("AGENTICORE_FENCE=".length);
  return theirs !== undefined && Number(theirs) > fence ? undefined : id;
}
