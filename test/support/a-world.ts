import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type Answer, type Call, type Serve, type Served, startServer } from "./a-server.ts";
import { eventually } from "./eventually.ts";
import { processesBelow } from "./home-processes.ts";
import { killProcessesWith } from "./leftovers.ts";
import { type Model, startModel } from "./model/start-model.ts";

const checkout = resolve(import.meta.dirname, "../..");
const program = resolve(checkout, "bin/agenticore.js");

/** A job as a client sees it. */
export type SeenJob = Readonly<Record<string, unknown>> & Readonly<{ id: string; status: string }>;
export type SeenEvent = Readonly<{ id: string; type: string; attempt: number; data: Record<string, unknown> }>;
/** A command that runs: what it has printed so far, and its end. */
export type Command = Readonly<{ stdout: () => string; ended: Promise<CliEnd> }>;
export type CliEnd = Readonly<{ code: number | null; stdout: string; stderr: string }>;

/**
 * An empty home with a scripted model beside it, and what a person does there from outside: with the key of
 * `AGENTICORE_API_KEY`, where the settings have one.
 */
export type World = Readonly<{
  home: string;
  model: Model;
  env: Readonly<Record<string, string>>;
  /** The newest server is the one that all below asks. */
  serve: (how?: Serve) => Promise<Served>;
  /** A runner without an API, in a process of its own; ready when this resolves. */
  runner: (env?: Readonly<Record<string, string>>) => Promise<Served>;
  /** A command of the CLI; without npx in between, which costs more than most commands. */
  command: (args: readonly string[], env?: Readonly<Record<string, string>>) => Command;
  /** The same, at its end. */
  cli: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<CliEnd>;
  /** The same through npx, as a person runs it. */
  npx: (args: readonly string[]) => Promise<CliEnd>;
  call: Call;
  /** As `call`, with these headers too. */
  as: (headers: Readonly<Record<string, string>>) => Call;
  submit: (request: Readonly<Record<string, unknown>>) => Promise<SeenJob>;
  job: (id: string) => Promise<SeenJob>;
  /** The job as soon as it fits. @throws Error with the job's last state after `deadlineMs`. */
  until: (id: string, fits: (job: SeenJob) => boolean, deadlineMs?: number) => Promise<SeenJob>;
  ended: (id: string, deadlineMs?: number) => Promise<SeenJob>;
  events: (id: string) => Promise<readonly SeenEvent[]>;
  /** Writes a file below the home. */
  write: (path: string, text: string) => void;
  /** Processes of jobs: wardens, Claude and what it started, and all that has lost its server. */
  jobProcesses: () => number[];
  /** Those, and what the servers started for themselves or a job: git above all. Not servers and commands. */
  processes: () => number[];
  /** What a job must not leave on the disk: worktrees, temporary folders, lock files; paths below the home. */
  remains: () => string[];
}> &
  AsyncDisposable;

/** `verify:full` names an older Claude Code; else the one of the checkout is found. */
const otherClaude = (): Readonly<Record<string, string>> => {
  const binary = process.env["AGENTICORE_CLAUDE_BINARY"];
  return binary ? { AGENTICORE_CLAUDE_BINARY: binary } : {};
};

export async function aWorld(settings: Readonly<Record<string, string>> = {}): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), "ac-home-"));
  mkdirSync(join(home, "t"));
  const apiKey = settings["ANTHROPIC_API_KEY"] || "sk-made-up-key-for-tests";
  const model = await startModel({ apiKey });
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: home,
    TMPDIR: join(home, "t"),
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: apiKey,
    AGENTICORE_PORT: "0",
    ...otherClaude(),
    ...settings,
  };
  let current: Served | undefined;

  const server = () => {
    if (!current) throw new Error("no server was started");
    return current;
  };
  const key: string | undefined = settings["AGENTICORE_API_KEY"];
  const as: World["as"] = (headers) =>
    server().as({ ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers });
  const call: Call = (...asked) => as({})(...asked);
  const desk = () => ({ ...env, ...(current ? { AGENTICORE_URL: current.url } : {}) });
  const command: World["command"] = (args, more = {}) =>
    runCommand([process.execPath, program, ...args], { ...desk(), ...more });
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
    serve: async (how) => {
      current = await startServer(env, how);
      return current;
    },
    runner: (more = {}) => startServer(env, { env: more, direct: true, command: "runner" }),
    command,
    cli: (...asked) => command(...asked).ended,
    npx: (args) => runCommand(["npx", "agenticore", ...args], desk()).ended,
    call,
    as,
    job,
    until,
    submit: async (request) => submitted(await call("POST", "/jobs", request)),
    ended: (id, deadlineMs) =>
      until(id, ({ status }) => ["succeeded", "failed", "cancelled", "expired"].includes(status), deadlineMs),
    events: async (id) => {
      const { body } = await as({ accept: "application/json" })("GET", `/jobs/${id}/events`);
      return body["events"] as SeenEvent[];
    },
    write: (path, text) => {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), text);
    },
    jobProcesses: () => processesBelow(home).ofJobs,
    processes: () => processesBelow(home).all,
    remains: () => remains(home),
    [Symbol.asyncDispose]: async () => {
      killProcessesWith("HOME", home);
      await model[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Settings of a box that has nothing in common with another one of this world. */
export function ownFolders({ home }: Pick<World, "home">, name: string): Readonly<Record<string, string>> {
  const at = (folder: string) => join(home, name, folder);
  return {
    AGENTICORE_POD_NAME: name,
    AGENTICORE_DATA_DIR: at("data"),
    AGENTICORE_REPOS_ROOT: at("repos"),
    AGENTICORE_WORKTREE_ROOT: at("worktrees"),
    AGENTICORE_JOBS_DIR: at("jobs"),
  };
}

/** @throws Error when the job was not accepted. */
export function submitted({ status, body }: Answer): SeenJob {
  if (status !== 202) throw new Error(`POST /jobs answered ${status}: ${JSON.stringify(body)}`);
  return body["job"] as SeenJob;
}

function runCommand([file = "", ...args]: readonly string[], env: Readonly<Record<string, string>>): Command {
  const child = spawn(file, args, { cwd: checkout, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk));
  const ended = new Promise<CliEnd>((done) => child.once("close", (code) => done({ code, stdout, stderr })));
  return { stdout: () => stdout, ended };
}

/** Warm trees of the pool (`.pool`) are no remains, nor are the files of our own locks (`.lock`), held or not. */
function remains(home: string): string[] {
  const worktrees = ".agenticore/worktrees";
  const below = (folder: string) => (existsSync(join(home, folder)) ? readdirSync(join(home, folder)) : []);
  const locks = existsSync(join(home, "agenticore-repos"))
    ? readdirSync(join(home, "agenticore-repos"), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".lock") && !basename(path).startsWith("."))
        .map((path) => join("agenticore-repos", path))
    : [];
  return [
    ...below(worktrees)
      .filter((name) => !name.startsWith("."))
      .map((name) => join(worktrees, name)),
    ...below("t")
      .filter((name) => name.startsWith("agenticore-"))
      .map((name) => join("t", name)),
    ...locks,
  ];
}
