import { readdirSync, readFileSync } from "node:fs";

/** What each thread of a process waits in, one a line (proc(5), `wchan` and `syscall`): for the report of one that does not end. */
export function threadsOf(pid: number): string {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder)
      .map((thread) => ["comm", "wchan", "syscall"].map((name) => read(`${folder}/${thread}/${name}`)).join(" "))
      .join("\n");
  } catch {
    return "it is gone";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "?";
  }
}
