import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eventually } from "./eventually.ts";
import { killProcessesWith, processesWith } from "./leftovers.ts";
import { type Model, startModel } from "./model/start-model.ts";

const checkout = resolve(import.meta.dirname, "../..");

export type Answer = Readonly<{ status: number; headers: Headers; body: Record<string, unknown> }>;
/** A job as a client sees it. */
export type SeenJob = Readonly<Record<string, unknown>> & Readonly<{ id: string; status: string }>;
export type Served = Readonly<{
  url: string;
  /** kill -9 of the whole process group of `npx agenticore serve`. */
  killGroup: () => Promise<void>;
  /** The signal to npx alone, or to a direct server; resolves with its exit code. */
  end: (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => Promise<number | null>;
  stderr: () => string;
}>;
export type ServeSettings = Readonly<{
  env?: Readonly<Record<string, string>>;
  args?: readonly string[];
  /** Without npx in between: signals and exit code are the server's own. */
  direct?: boolean;
}>;
export type CliEnd = Readonly<{ code: number | null; stdout: string; stderr: string }>;

/** An empty home with a scripted model beside it, and what a person does there from outside. */
export type World = Readonly<{
  home: string;
  model: Model;
  env: Readonly<Record<string, string>>;
  serve: (settings?: ServeSettings) => Promise<Served>;
  cli: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<CliEnd>;
  call: (method: string, path: string, body?: unknown) => Promise<Answer>;
  submit: (request: Readonly<Record<string, unknown>>) => Promise<SeenJob>;
  job: (id: string) => Promise<SeenJob>;
  /** The job as soon as it fits. @throws Error with the job's last state after `deadlineMs`. */
  until: (id: string, fits: (job: SeenJob) => boolean, deadlineMs?: number) => Promise<SeenJob>;
  ended: (id: string, deadlineMs?: number) => Promise<SeenJob>;
  events: (id: string) => Promise<readonly Readonly<{ type: string; data: Record<string, unknown> }>[]>;
  /** Processes of this world other than the server: Claude, wardens, what they started. */
  jobProcesses: () => number[];
}> &
  AsyncDisposable;

/** `verify:full` names an older Claude Code; else the one of the checkout is found. */
const otherClaude = (): Readonly<Record<string, string>> => {
  const binary = process.env["AGENTICORE_CLAUDE_BINARY"];
  return binary ? { AGENTICORE_CLAUDE_BINARY: binary } : {};
};

export async function aWorld(settings: Readonly<Record<string, string>> = {}): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), "ac-home-"));
  const model = await startModel();
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: home,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: "sk-made-up-key-for-tests",
    AGENTICORE_PORT: "0",
    ...otherClaude(),
    ...settings,
  };
  const children = new Set<ChildProcess>();
  let current: Served | undefined;

  const serve: World["serve"] = async ({ env: more = {}, args = [], direct = false } = {}) => {
    const [program, ...before] = direct ? [process.execPath, "bin/agenticore.js"] : ["npx", "agenticore"];
    const child = spawn(program, [...before, "serve", ...args], {
      cwd: checkout,
      env: { ...env, ...more },
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    children.add(child);
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk));
    const gone = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
    const url = await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${stderr}`);
        return /listening on (http:\/\/\S+)/.exec(stderr)?.[1];
      },
      { what: () => `serve listens; it said: ${stderr}` },
    );
    current = {
      url,
      stderr: () => stderr,
      killGroup: async () => {
        process.kill(-(child.pid ?? 0), "SIGKILL");
        await gone;
      },
      end: async (signal) => {
        child.kill(signal);
        return await gone;
      },
    };
    return current;
  };
  const cli: World["cli"] = (args, more = {}) =>
    new Promise((done) => {
      const child = spawn("npx", ["agenticore", ...args], {
        cwd: checkout,
        env: { ...env, ...(current ? { AGENTICORE_URL: current.url } : {}), ...more },
        stdio: ["ignore", "pipe", "pipe"],
      });
      children.add(child);
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk));
      child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk));
      child.once("close", (code) => done({ code, stdout, stderr }));
    });
  const call: World["call"] = async (method, path, body) => {
    const response = await fetch(`${current?.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : {
            headers: { "content-type": "application/json" },
            body: typeof body === "string" ? body : JSON.stringify(body),
          }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const job: World["job"] = async (id) => (await call("GET", `/jobs/${id}`)).body["job"] as SeenJob;
  const until: World["until"] = async (id, fits, deadlineMs = 60_000) => {
    let last: SeenJob | undefined;
    return await eventually(
      async () => {
        last = await job(id);
        return last && fits(last) ? last : undefined;
      },
      { deadlineMs, what: () => `the job fits; it is ${JSON.stringify(last)}; the server said ${current?.stderr()}` },
    );
  };
  return {
    home,
    model,
    env,
    serve,
    cli,
    call,
    job,
    until,
    submit: async (request) => {
      const { status, body } = await call("POST", "/jobs", request);
      if (status !== 202) throw new Error(`POST /jobs answered ${status}: ${JSON.stringify(body)}`);
      return body["job"] as SeenJob;
    },
    ended: (id, deadlineMs) =>
      until(id, ({ status }) => ["succeeded", "failed", "cancelled", "expired"].includes(status), deadlineMs),
    events: async (id) => {
      const response = await fetch(`${current?.url}/jobs/${id}/events`, { headers: { accept: "application/json" } });
      return ((await response.json()) as { events: { type: string; data: Record<string, unknown> }[] }).events;
    },
    jobProcesses: () =>
      processesWith("HOME", home).filter((pid) => !processesWith("AGENTICORE_PORT", "0").includes(pid)),
    [Symbol.asyncDispose]: async () => {
      for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
      killProcessesWith("HOME", home);
      await model[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
