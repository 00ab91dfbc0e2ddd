import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { eventually } from "./eventually.ts";

const checkout = resolve(import.meta.dirname, "../..");
const program = resolve(checkout, "bin/agenticore.js");

export type Answer = Readonly<{ status: number; headers: Headers; body: Record<string, unknown> }>;
/** A text is sent as it is, anything else as JSON. */
export type Call = (method: string, path: string, body?: unknown) => Promise<Answer>;
export type Serve = Readonly<{
  env?: Readonly<Record<string, string>>;
  args?: readonly string[];
  /** Without npx in between, which is quicker: the process, its signals and its exit code are the server's own. */
  direct?: boolean;
  /** A command that the server is started by: it gets the server's own command line as its last arguments. */
  under?: readonly string[];
  /** `runner` has no address: it is up when it says so. Default `serve`. */
  command?: "serve" | "runner";
}>;

/** A server or runner in a process of its own, seen from outside. */
export type Served = Readonly<{
  /** Empty for a runner. */
  url: string;
  /** Of npx, or of the server itself where it was started `direct`. */
  pid: number;
  call: Call;
  /** As `call`, with these headers too. */
  as: (headers: Readonly<Record<string, string>>) => Call;
  /** kill -9 of the whole process group. */
  killGroup: () => Promise<void>;
  /** kill -9 of this process alone. */
  kill: () => Promise<void>;
  signal: (signal: NodeJS.Signals) => void;
  /** The signal to this process alone, as a terminal's parent would send it; resolves with the exit code. */
  end: (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => Promise<number | null>;
  /** Its exit code, once it has ended. */
  gone: Promise<number | null>;
  stderr: () => string;
}>;

/** @throws Error with what it said when it ends before it is up. */
export async function startServer(
  base: Readonly<Record<string, string>>,
  { env = {}, args = [], direct = false, under = [], command = "serve" }: Serve = {},
): Promise<Served> {
  const [file, ...first] = [...under, ...(direct ? [process.execPath, program] : ["npx", "agenticore"])];
  const child = spawn(file ?? "", [...first, command, ...args], {
    cwd: checkout,
    env: { ...base, ...env },
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk));
  const gone = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const up = command === "serve" ? /listening on (http:\/\/\S+)/ : /(runner ready)/;
  const found = await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${stderr}`);
      return up.exec(stderr)?.[1];
    },
    { what: () => `${command} is up; it said: ${stderr}` },
  );
  const pid = child.pid ?? 0;
  const url = command === "serve" ? found : "";
  const killed = async (target: number) => {
    process.kill(target, "SIGKILL");
    await gone;
  };
  return {
    url,
    pid,
    call: caller(url),
    as: (headers) => caller(url, headers),
    gone,
    stderr: () => stderr,
    signal: (signal) => void process.kill(pid, signal),
    kill: () => killed(pid),
    killGroup: () => killed(-pid),
    end: async (signal) => {
      process.kill(pid, signal);
      return await gone;
    },
  };
}

const caller =
  (url: string, headers: Readonly<Record<string, string>> = {}): Call =>
  async (method, path, body) => {
    const content = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: content }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
    };
  };
