import { readdirSync, readFileSync } from "node:fs";

/** Of proc(5): USER_HZ is 100 on every Linux that we run on. */
const msPerTick = 10;

/** Milliseconds of CPU that the process and all that descends from it have used, with what ended under them. */
export function cpuOfTree(root: number): number {
  const found = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : []));
  const children = Map.groupBy(found, ({ parent }) => parent);
  let ms = 0;
  const todo = found.filter(({ pid }) => pid === root);
  for (let process = todo.pop(); process; process = todo.pop()) {
    ms += process.ms;
    todo.push(...(children.get(process.pid) ?? []));
  }
  return ms;
}

type Stat = Readonly<{ pid: number; parent: number; ms: number }>;

function statOf(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before it may hold spaces and brackets; what follows the last bracket begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].map((at) => Number(fields[at])).reduce((sum, each) => sum + each, 0);
    return { pid, parent: Number(fields[1]), ms: ticks * msPerTick };
  } catch {
    return undefined; // it has ended
  }
}
