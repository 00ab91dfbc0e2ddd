import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

/** What a table's figures depend on, in one line. */
export function describeMachine(folder: string): string {
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const git = execFileSync("git", ["--version"], { encoding: "utf8" }).trim();
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    memory,
    `Linux ${release()}`,
    git,
    `Node ${process.version}`,
    `${fileSystemOf(folder)} on ${diskOf(folder)}`,
  ].join(", ");
}

/** Programs that run or want to, averaged over the last minute (proc(5), loadavg). */
export const loadNow = (): number => loadavg()[0] ?? 0;

/** How busy the machine was with other things; told where a benchmark's figures come from. */
export const describeLoad = (before: number): string =>
  before > availableParallelism() / 2
    ? `The machine was busy with other work: load ${before.toFixed(1)} at the start. Compare ratios only; times are too long.`
    : `The machine was otherwise quiet: load ${before.toFixed(1)} at the start.`;

/** Its name, as `ext4` or `tmpfs`: `stat -f` names what statfs(2) only numbers. */
export const fileSystemOf = (folder: string): string =>
  execFileSync("stat", ["-f", "-c", "%T", "--", folder], { encoding: "utf8" }).trim().replace("ext2/ext3", "ext4");

const diskOf = (folder: string): string => (fileSystemOf(folder) === "tmpfs" ? "memory" : "a disk");

/** The Node that a person has, where it is another than the one that runs this. */
export function systemNode(path: string): string | undefined {
  return path
    .split(":")
    .filter((entry) => entry.startsWith("/") && !entry.includes("node_modules"))
    .map((entry) => `${entry}/node`)
    .find((file) => existsSync(file) && readLinkedVersion(file) !== process.version);
}

const readLinkedVersion = (file: string): string => execFileSync(file, ["--version"], { encoding: "utf8" }).trim();

/** One field of /proc/PID/status in bytes (proc(5)). @throws Error when the process is gone. */
export function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (found === undefined) throw new Error(`process ${pid} has no ${field}`);
  return Number(found) * 1024;
}

/**
 * Milliseconds of CPU that the process's threads have had (Documentation/scheduler/sched-stats.rst: nanoseconds, where
 * /proc/PID/stat counts hundredths), and the children it waited for (proc(5), stat 16 and 17).
 */
export function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const children = fields.slice(13, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
  return threads.reduce((sum, ns) => sum + ns, 0) / 1e6 + children * 10;
}
