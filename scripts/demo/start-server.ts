import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export type Server = Readonly<{
  url: string;
  pid: number;
  /** What it said so far, for when something went wrong. */
  said: () => string;
}> &
  AsyncDisposable;

/**
 * `agenticore serve` as a process of its own, until it listens. At the end it drains for 2 s, and then stops;
 * should this process die first, it ends by itself (`bin/relaunch.js`).
 * @throws Error with what it said, when it ends before it listens.
 */
export async function startServer(script: string, env: Readonly<Record<string, string>>): Promise<Server> {
  const child = spawn(process.execPath, [script, "serve"], {
    env: { ...env, AGENTICORE_LAUNCHER_PIPE: "3" },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    detached: true, // Ctrl-C is for us; we end it in order
  });
  let said = "";
  const exited = once(child, "exit");
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.on("data", (data: Buffer) => {
      said += data;
      const found = /listening on (http:\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
    exited.then(([code]) => reject(new Error(`agenticore serve ended with ${code}:\n${said}`)), reject);
  });
  return {
    url,
    pid: child.pid ?? 0,
    said: () => said,
    [Symbol.asyncDispose]: async () => {
      const gone = new AbortController();
      const ending = endInSteps(child, gone.signal);
      await exited;
      gone.abort();
      await ending;
    },
  };
}

/** Draining first; then a second signal, which stops running jobs; then the last means. */
async function endInSteps(child: ChildProcess, gone: AbortSignal): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGTERM", 2_000],
    ["SIGTERM", 8_000],
    ["SIGKILL", 0],
  ] as const) {
    if (gone.aborted) return;
    child.kill(signal);
    await sleep(patienceMs, undefined, { signal: gone }).catch(() => undefined);
  }
}
