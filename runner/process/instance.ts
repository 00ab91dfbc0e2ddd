import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { AppError } from "../../shared/error.ts";
import { bootId, isAlive, pidNamespace, processOf } from "./process-id.ts";
import type { RunnerIdentity } from "./run-file.ts";

export interface Instance extends AsyncDisposable {
  readonly identity: RunnerIdentity;
}

/**
 * Makes this process known as a runner on the data folder. As long as it lives it holds a socket open in
 * `{runs}/.live`: whoever shares the kernel, also from another container, can tell by it. Who connects gets what `tell`
 * says, as one line of JSON: by our own event loop, so that a runner that hangs says nothing.
 */
export async function openInstance(runs: string, instance: string, tell: () => object = () => ({})): Promise<Instance> {
  const self = processOf(process.pid);
  if (!self) throw new AppError("setup_failed", "/proc cannot be read: a runner needs Linux with /proc mounted.");
  const identity: RunnerIdentity = { instance, ...here(), pid: self.pid, start_time: self.startTime };
  mkdirSync(join(runs, ".live"), { recursive: true, mode: 0o700 });
  const server = createServer((socket) => {
    // Who only wants to know whether somebody is there does not stay to listen.
    socket.on("error", () => undefined).end(`${JSON.stringify({ instance, ...tell() })}\n`);
  });
  const socket = openSocketPath(runs, instance);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socket.path, resolve);
    });
  } finally {
    socket.close();
  }
  server.unref();
  return { identity, [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())) };
}

/** `dead` is a proof; `unknown` is said of a runner that cannot be seen from here. */
export async function stateOf(runs: string, runner: RunnerIdentity): Promise<"alive" | "dead" | "unknown"> {
  const { host, boot_id, pid_namespace } = here();
  if (runner.boot_id !== boot_id) return runner.host === host ? "dead" : "unknown";
  if (runner.pid_namespace === pid_namespace) {
    return isAlive({ pid: runner.pid, startTime: runner.start_time }) ? "alive" : "dead";
  }
  return await answers(runs, runner.instance);
}

/** Where this process is: the names of machine, boot and PID namespace. */
const here = () => ({
  host: `${hostname()}/${machineId()}`,
  boot_id: bootId(),
  pid_namespace: pidNamespace(),
});

const machineId = (): string => {
  try {
    return readFileSync("/etc/machine-id", "latin1").trim(); // machine-id(5): survives a boot
  } catch {
    return "";
  }
};

/** A socket whose process is gone refuses (ECONNREFUSED); any other failure proves nothing. */
async function answers(runs: string, instance: string): Promise<"alive" | "dead" | "unknown"> {
  try {
    const socket = openSocketPath(runs, instance);
    return await new Promise((resolve) => {
      const connection = connect(socket.path);
      connection.once("connect", () => resolve("alive"));
      connection.once("error", (error: NodeJS.ErrnoException) =>
        resolve(error.code === "ECONNREFUSED" ? "dead" : "unknown"),
      );
      connection.once("close", () => socket.close());
      connection.once("connect", () => connection.destroy());
    });
  } catch {
    return "unknown";
  }
}

/**
 * What the runners of this data folder answer, those that live. One that does not answer within `waitMs` is told of as
 * `undefined`: it hangs.
 */
export async function askRunners(runs: string, waitMs: number): Promise<readonly unknown[]> {
  const names = await readdir(join(runs, ".live")).catch(() => []);
  const answers = await Promise.all(names.map((name) => ask(runs, name, waitMs)));
  return answers.filter((answer) => answer !== "dead");
}

async function ask(runs: string, name: string, waitMs: number): Promise<unknown> {
  const folder = openSync(join(runs, ".live"), "r");
  const connection = connect(`/proc/self/fd/${folder}/${name}`);
  const timer = setTimeout(() => connection.destroy(new Error("it does not answer")), waitMs);
  try {
    return JSON.parse(await text(connection)) as unknown;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" || code === "ENOENT" ? "dead" : undefined;
  } finally {
    clearTimeout(timer);
    connection.destroy();
    closeSync(folder);
  }
}

/** By way of an open folder: the path of a socket ends at 107 bytes (unix(7)), that of a data folder may not. */
function openSocketPath(runs: string, instance: string): { path: string; close: () => void } {
  const folder = openSync(join(runs, ".live"), "r");
  const name = createHash("sha256").update(instance).digest("hex").slice(0, 24);
  return { path: `/proc/self/fd/${folder}/${name}`, close: () => closeSync(folder) };
}
