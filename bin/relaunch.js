import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";

/** Descriptor of a pipe whose other end only the launching process holds. */
const launcherPipe = "AGENTICORE_LAUNCHER_PIPE";
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/**
 * Runs the script again with the Node that `npm ci` put into the checkout, and ends as that process ends.
 * Older Nodes cannot replace themselves (execve(2)), so this one stays and passes signals on.
 * @param {{root: string, script: string, oldestNode: number}} what
 */
export function relaunch({ root, script, oldestNode }) {
  const node = [`node-linux-${process.arch}/bin/node`, ".bin/node"]
    .map((path) => join(root, "node_modules", path))
    .find((path) => existsSync(path));
  if (node === undefined || process.env[launcherPipe] !== undefined) {
    console.error(
      `agenticore needs Node ${oldestNode} or newer, and this is ${process.versions.node}. ` +
        "Install it from https://nodejs.org, or run `npm ci` in the checkout, which brings one along.",
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [script, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, [launcherPipe]: "3" },
  });
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`agenticore could not start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    // 128 + n is how a shell tells of a death by signal; raising it again would lose to our own handlers.
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

/**
 * Ends this process at once when the launching one is gone: `kill -9` of it must not leave a server behind.
 * @param {NodeJS.ProcessEnv} env
 */
export function endWithLauncher(env) {
  const descriptor = Number(env[launcherPipe]);
  delete env[launcherPipe];
  if (!Number.isInteger(descriptor) || descriptor < 3) return;
  const pipe = new Socket({ fd: descriptor });
  pipe.on("close", () => process.kill(process.pid, "SIGKILL"));
  pipe.on("error", () => undefined);
  pipe.resume();
  pipe.unref();
}
