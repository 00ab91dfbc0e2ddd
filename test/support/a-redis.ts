import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "./free-port.ts";

export type RedisOptions = Readonly<{
  /**
   * With an append-only file: what was answered is there again after `kill9` and `restart`. It is synced by the kernel: where
   * Redis does it each second and the disk is slow, it holds back for up to two seconds what it has answered (redis.conf,
   * `appendfsync`; aof.c, `flushAppendOnlyFile`).
   */
  durable?: boolean;
  /** Further lines of redis.conf, as `["maxmemory 10mb"]`. */
  config?: readonly string[];
}>;

/** A real redis-server in a folder of its own, for one test. */
export type ARedis = Readonly<{
  /** `redis://127.0.0.1:PORT`, the same after a restart. */
  url: string;
  port: number;
  /** A unix socket of the same server. */
  socket: string;
  dir: string;
  pid(): number;
  /** SIGKILL, and waits for the end. */
  kill9(): Promise<void>;
  /** SHUTDOWN by SIGTERM: what it has is written first. */
  stop(): Promise<void>;
  /** Starts it again on the same folder and port, after `kill9` or `stop`. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nobody answers. */
  freeze(): void;
  thaw(): void;
}> &
  AsyncDisposable;

/** Resolves once it answers. @throws Error with its last words where it does not start. */
export async function startRedis({ durable = false, config = [] }: RedisOptions = {}): Promise<ARedis> {
  const dir = mkdtempSync(join(tmpdir(), "ac-redis-"));
  const socket = join(dir, "redis.sock");
  const settings = (port: number) => [
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--unixsocket", socket, "--dir", dir, "--save", ""],
    ...["--appendonly", durable ? "yes" : "no", "--appendfsync", "no", "--daemonize", "no"],
    ...config.flatMap((line) => {
      const [name = "", ...values] = line.split(" ");
      return [`--${name}`, ...values];
    }),
  ];
  let server: ChildProcess | undefined;
  let port = 0;
  try {
    for (let tries = 0; server === undefined; tries++) {
      port = await freePort();
      server = await launch(settings(port)).catch((error: Error) => {
        // Somebody else took the port in between.
        if (tries < 5 && /already in use/i.test(error.message)) return undefined;
        throw error;
      });
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
  let running = server;
  const end = async (signal: NodeJS.Signals) => {
    if (running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((done) => running.once("exit", done));
    running.kill(signal);
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    socket,
    dir,
    pid: () => running.pid ?? 0,
    kill9: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    restart: async () => {
      running = await launch(settings(port));
    },
    freeze: () => void running.kill("SIGSTOP"),
    thaw: () => void running.kill("SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      await end("SIGKILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A redis-server that has loaded its data and takes connections. It dies with the process that started it. */
async function launch(settings: readonly string[]): Promise<ChildProcess> {
  // setpriv(1): killed with us, however we end; a test run that is killed leaves no server behind.
  const server = spawn("setpriv", ["--pdeathsig", "KILL", "redis-server", ...settings], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] },
  });
  const said: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    const hear = (line: string) => {
      if (said.push(line) > 50) said.shift();
      if (line.includes("Ready to accept connections")) resolve();
    };
    createInterface({ input: server.stdout }).on("line", hear);
    createInterface({ input: server.stderr }).on("line", hear);
    server.once("error", reject);
    server.once("close", () => reject(new Error(`redis-server did not start:\n${said.join("\n")}`)));
  });
  await ready;
  return server;
}
