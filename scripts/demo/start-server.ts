import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export type Server = Readonly<{
  url: string;
  /** What it said so far, for when something went wrong. */
  said: () => string;
}> &
  AsyncDisposable;

/**
 * `agenticore serve` as a process of its own, until it listens. At the end it drains, and is killed after 10 s;
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
    said: () => said,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      const late = new AbortController();
      const killing = sleep(10_000, undefined, { signal: late.signal }).then(
        () => child.kill("SIGKILL"),
        () => undefined,
      );
      await exited;
      late.abort();
      await killing;
    },
  };
}
