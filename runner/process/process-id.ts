import { readFileSync, readlinkSync } from "node:fs";

/** A process beyond doubt: ids are used again, but never with the same start time in one boot (proc(5), stat field 22). */
export type ProcessId = Readonly<{ pid: number; startTime: number }>;

/** Who has this id now; undefined when nobody has, or only a zombie. */
export function processOf(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before it may hold spaces and brackets; what follows the last bracket begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export const isAlive = (id: ProcessId): boolean => processOf(id.pid)?.startTime === id.startTime;

/** Sends `signal` if the process is still the one that was meant; tells whether it was. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    return process.kill(id.pid, signal);
  } catch {
    return false; // it ended in between, or is not ours
  }
}

/** Differs after each boot of the machine. */
export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

/** The PID namespace whose ids we see: ids of another one mean nothing here. */
export const pidNamespace = (): string => readlinkSync("/proc/self/ns/pid");
