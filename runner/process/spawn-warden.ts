import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Duplex, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import { type MountStep, planMounts } from "./mount-plan.ts";
import { processOf } from "./process-id.ts";
import type { Sandbox } from "./sandbox.ts";
import { markerOf } from "./sweep.ts";
import { timedLine } from "./timed-line.ts";
import type { Grant, Tree, TreeExit } from "./tree.ts";
import { endOfTree, survivorsOf } from "./tree-end.ts";

/** What to run, where, and what it may see. */
export type TreePlan = Readonly<{
  job: string;
  fence: number;
  /** The command: the absolute path of an executable, and its arguments. */
  argv: readonly [string, ...string[]];
  cwd: string;
  /** The command's whole environment; the job's marker is added. */
  env: Readonly<Record<string, string>>;
  /** Gets `out` and `err` (the command's output), `warden.json`, `exit.json`, `warden.log`. Made if missing. */
  runDir: string;
  sandbox: Sandbox;
  /** These hold in the `namespace` tier; `cwd` is visible by itself. */
  visible: readonly string[];
  readable?: readonly string[];
  hidden: readonly string[];
  /** The job's own temporary folder, seen as /tmp too. */
  tmp: string;
  /** The first grant. */
  until: Grant;
}>;

/**
 * Starts the command under a warden (warden.sh). Returns at once; `started` and `exited` tell the rest.
 * @throws AppError `setup_failed` when the plan cannot be carried out or the warden does not start.
 */
export function startTree(plan: TreePlan, { clock }: { clock: Clock }): Tree {
  const message = encodePlan(plan);
  mkdirSync(plan.runDir, { recursive: true, mode: 0o700 });
  const child = spawnWarden(plan);
  const [lifeline, , , input, planPipe, status] = child.stdio as unknown as readonly Duplex[];
  // One that has ended already is nobody: `exited` tells why.
  const id = child.pid === undefined ? undefined : (processOf(child.pid) ?? { pid: child.pid, startTime: -1 });
  if (!(lifeline && input && planPipe && status && id)) {
    throw new AppError("setup_failed", "The warden could not be started: is /bin/bash there?");
  }
  // A pipe breaks when the tree ends: the end itself is told by `exited`.
  for (const pipe of [lifeline, input, planPipe, status]) pipe.on("error", () => undefined);
  const say = (line: string) => {
    if (lifeline.writable) lifeline.write(timedLine(line));
  };
  planPipe.end(message);
  status.once("end", () => say("look"));
  const over = new AbortController();
  let asked: "terminated" | "killed" | undefined;
  const exited = endOfTree(child, { ...plan, asked: () => asked }, clock).finally(() => {
    over.abort();
    for (const pipe of [lifeline, input, planPipe, status]) pipe.destroy();
  });
  const kill = () => {
    asked ??= "killed";
    say("kill");
    void forceAfter(2_000);
  };
  /** The last means, should the warden not answer: its death is the tree's. */
  const forceAfter = async (ms: number) => {
    await clock.sleep(ms, over.signal);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  };
  return {
    id,
    started: startedBy(status, exited),
    grant: ({ softAt, hardAt }) => say(`grant ${hundredths(softAt)} ${hundredths(hardAt)}`),
    write: (text) => writeTo(input, text),
    closeInput: () => input.end(),
    interrupt: () => say("int"),
    terminate: (graceMs) => {
      asked ??= "terminated";
      say(`term ${hundredths(clock.uptime() + graceMs)}`);
      void forceAfter(graceMs + 1_500);
    },
    kill,
    exited,
    survivors: () => survivorsOf(id, plan),
  };
}

function spawnWarden({ job, fence, runDir, sandbox, until }: TreePlan): ChildProcess {
  const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const deadlines = [hundredths(until.softAt), hundredths(until.hardAt)].map(String);
  const args = [
    "--norc",
    "--noprofile",
    script("warden.sh"),
    job,
    String(fence),
    runDir,
    ...deadlines,
    script("job-init.sh"),
    ...sandbox.enter,
  ];
  const out = openSync(join(runDir, "out"), "a", 0o600);
  const err = openSync(join(runDir, "err"), "a", 0o600);
  try {
    // Detached is setsid(2): killing the runner's process group leaves the warden to end the tree.
    const stdio: StdioOptions = ["pipe", out, err, "pipe", "pipe", "pipe"];
    const child: ChildProcess = spawn("/bin/bash", args, { cwd: "/", env: {}, detached: true, stdio });
    child.on("error", () => undefined); // no pid then, which the caller sees
    return child;
  } finally {
    closeSync(out);
    closeSync(err);
  }
}

/** The plan as job-init.sh reads it: fields ended by NUL, a count before each list. */
function encodePlan(plan: TreePlan): string {
  const { sandbox, cwd } = plan;
  if (!/^[A-Za-z0-9-]+$/.test(plan.job)) throw new AppError("setup_failed", "The job's id is not an id.");
  if (!plan.argv[0].startsWith("/")) throw new AppError("setup_failed", `${plan.argv[0]} is not an absolute path.`);
  const steps =
    sandbox.tier === "namespace"
      ? planMounts({ ...plan, visible: [plan.cwd, ...plan.visible], readable: readableTo(plan) })
      : [];
  const argv = steps.length > 0 ? shownCommand(plan, steps) : plan.argv;
  const variables = Object.entries({ ...plan.env, ...markerOf(plan) }).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || unsettable.has(name)) {
      throw new AppError("setup_failed", `The environment variable ${JSON.stringify(name)} cannot be given to a job.`);
    }
    return `${name}=${value}`;
  });
  const lists = [steps.flat(), sandbox.restrict, variables, argv].flatMap((list) => [String(list.length), ...list]);
  const fields = [realpathOf(cwd), ...lists, "end"];
  if (fields.some((field) => field.includes("\0"))) {
    throw new AppError("setup_failed", "An argument, path or environment variable of the job contains a NUL.");
  }
  return fields.map((field) => `${field}\0`).join("");
}

/** The command itself may lie where the job sees nothing: in a checkout below /tmp. */
const readableTo = ({ argv: [command], readable = [] }: TreePlan): readonly string[] =>
  existsSync(command) ? [realpathSync(command), ...readable] : readable;

/** A covered command is run by its real path: links to it (`node_modules/.bin`) are covered too. */
function shownCommand({ argv }: TreePlan, steps: readonly MountStep[]): readonly string[] {
  const [command, ...rest] = argv;
  const shown = steps.find(([, source]) => existsSync(command) && source === realpathSync(command))?.[2];
  return [shown ?? command, ...rest];
}

/** Read-only in bash, which hands the environment on. */
const unsettable = new Set(["BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"]);

function realpathOf(cwd: string): string {
  try {
    return realpathSync(cwd);
  } catch (error) {
    throw new AppError("setup_failed", `The folder ${cwd} does not exist.`, { cause: error });
  }
}

/** The warden counts in hundredths of a second since boot; rounded down, never beyond the grant. */
const hundredths = (uptimeMs: number): number => Math.max(0, Math.floor(uptimeMs / 10));

const startedBy = (status: Duplex, exited: Promise<TreeExit>): Promise<boolean> =>
  new Promise((resolve) => {
    status.once("data", () => resolve(true));
    void exited.then(({ reason }) => resolve(reason === "exited"));
  });

const writeTo = (input: Writable, text: string): Promise<boolean> =>
  new Promise((resolve) => {
    if (!input.writable) return resolve(false);
    input.write(text, (error) => resolve(!error));
  });
