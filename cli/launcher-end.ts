import { readFileSync } from "node:fs";
import type { CliContext } from "./context.ts";

const lookMs = 1_000;

/**
 * Who started this process, where that is npm or npx: a signal to them does not reach us, since they pass it to
 * the shell between, which dies of it and leaves us behind. Undefined for everybody else.
 */
export function launcherOf(env: CliContext["env"]): string | undefined {
  const script = env["npm_lifecycle_script"];
  // A script that puts us into the background means to leave us there.
  return script === undefined || script.includes("&") ? undefined : launchers();
}

/** Calls back once when the launcher is gone. */
export function onLauncherEnd(
  { launcher, clock }: Pick<CliContext, "launcher" | "clock">,
  act: () => void,
): Disposable {
  const ended = new AbortController();
  if (launcher !== undefined) void watch(launcher, ended.signal);
  async function watch(first: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted && launchers() === first) await clock.sleep(lookMs, stop);
    if (!stop.aborted) act();
  }
  return { [Symbol.dispose]: () => ended.abort() };
}

/** The shell and the npm above it; only the former where there is no proc(5). */
const launchers = (): string => `${process.ppid} ${parentOf(process.ppid)}`;

function parentOf(pid: number): string {
  try {
    // The name in parentheses may hold anything (proc_pid_stat(5)).
    return readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\)/s, "").split(" ")[2] ?? "";
  } catch {
    return "";
  }
}
