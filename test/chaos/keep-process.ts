import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { eventually } from "../support/eventually.ts";

export type Keep = Readonly<{
  name: string;
  /** Program first. */
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** Gets what it says, over all its starts. */
  log: string;
}>;

/** A process that is started again whenever it ends, as a service manager does it. */
export type Kept = AsyncDisposable &
  Readonly<{
    name: string;
    /** Undefined while it is away. */
    pid: () => number | undefined;
    /** Ends that nobody asked for: neither a kill of ours nor a signal. */
    surprises: () => readonly string[];
    /** kill -9 of it, or of its process group; it stays away that long. False where it is away or stopped already. */
    kill: (how: Readonly<{ group?: boolean; awayMs: number }>) => boolean;
    /** SIGSTOP, and SIGCONT when the time is over. */
    pause: (ms: number) => boolean;
    /** SIGTERM, and with `againMs` another one after that time. */
    drain: (how: Readonly<{ againMs?: number; awayMs: number }>) => boolean;
    /** Ends it in order, and waits until its successor says that it is up. */
    renew: (up: RegExp) => Promise<void>;
    /** Whatever is done to it just now is over: it runs, or is about to be started. */
    atPeace: () => boolean;
    said: () => string;
  }>;

const restartMs = 250;
/** A runner that was asked to drain waits for its jobs; after this time a second signal ends it. */
const drainMs = 20_000;

export function keepProcess({ name, argv: [program, ...args], env, log }: Keep): Kept {
  let child: ChildProcess | undefined;
  let awayMs = restartMs;
  let asked = false;
  let busy = false;
  let closing = false;
  const surprises: string[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  };

  function start(): void {
    const out = openSync(log, "a");
    // setpriv(1): however this process ends, what it has started goes too.
    const started = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], {
      env,
      detached: true,
      stdio: ["ignore", out, out],
    });
    closeSync(out);
    child = started;
    asked = false;
    busy = false;
    awayMs = restartMs;
    started.once("exit", (code, signal) => {
      if (!asked) surprises.push(`${name} ended with ${code ?? signal}`);
      if (!closing) later(awayMs, start);
      child = undefined;
    });
  }
  const signal = (name: NodeJS.Signals, group = false) => {
    const pid = child?.pid;
    if (pid !== undefined) process.kill(group ? -pid : pid, name);
  };
  /** One thing at a time: false while something is done to it or it is away. */
  const take = (): boolean => {
    if (child === undefined || busy) return false;
    busy = true;
    return true;
  };
  const drain: Kept["drain"] = ({ againMs, awayMs: away }) => {
    if (!take()) return false;
    asked = true;
    awayMs = away;
    const drained = child;
    signal("SIGTERM");
    const insist = () => (child === drained ? signal("SIGTERM") : undefined);
    later(againMs ?? drainMs, insist);
    return true;
  };

  start();
  return {
    name,
    pid: () => child?.pid,
    surprises: () => surprises,
    kill: ({ group = false, awayMs: away }) => {
      if (!take()) return false;
      asked = true;
      awayMs = away;
      signal("SIGKILL", group);
      return true;
    },
    pause: (ms) => {
      if (!take()) return false;
      signal("SIGSTOP");
      later(ms, () => {
        signal("SIGCONT");
        busy = false;
      });
      return true;
    },
    drain,
    renew: async (up) => {
      await eventually(() => child !== undefined && !busy, { what: `${name} is at peace` });
      const before = readFileSync(log, "utf8").length;
      drain({ awayMs: 0 });
      await eventually(() => up.test(readFileSync(log, "utf8").slice(before)), { what: `${name} comes back` });
    },
    atPeace: () => !busy,
    said: () => readFileSync(log, "utf8"),
    [Symbol.asyncDispose]: async () => {
      closing = true;
      asked = true;
      for (const timer of timers) clearTimeout(timer);
      const last = child;
      if (last === undefined) return;
      const ended = new Promise((done) => last.once("exit", done));
      signal("SIGKILL");
      await ended;
    },
  };
}
