import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";
import { type FailureKind, GitFailure, kindOf } from "./git-failure.ts";
import { isLate, type Leash, leashed, lengthen } from "./leash.ts";

/** Where a command works. Nothing is ever discovered: an agent may have put a `.git` of its own anywhere. */
export type GitPlace = Readonly<{
  gitDir: string;
  commonDir?: string;
  workTree?: string;
  indexFile?: string;
  /** Where new objects go, and where others are looked for too. */
  objects?: Readonly<{ write: string; read: string }>;
}>;

export type GitRun = Readonly<{
  place: GitPlace;
  args: readonly string[];
  /** The one transport this command may use; none when absent. */
  protocol?: "file" | "https" | "http" | "ssh";
  config?: readonly (readonly [key: string, value: string])[];
  env?: Readonly<Record<string, string>>;
  input?: string | Buffer;
  /** Given on to git, so that the lock lives as long as git does even when we are killed. */
  lockFd?: number | undefined;
  signal?: AbortSignal | undefined;
  /** For what cannot be undone. */
  leash?: Leash | undefined;
  timeoutMs?: number;
  /** Exit codes besides 0 that are answers, not failures. */
  answers?: readonly number[];
  /** Where git is started; by default in the git folder. */
  cwd?: string;
}>;

export type GitAnswer = Readonly<{ code: number; stdout: Buffer; text: string; errors: string }>;
export type Git = (run: GitRun) => Promise<GitAnswer>;

export type GitSettings = Readonly<{
  /** Absolute path. */
  binary: string;
  /** Put before git's own argv, as `setpriv --pdeathsig KILL --`: git dies with us. */
  wrapper: readonly string[];
  /** The only configuration of the user's level that git reads: a file of ours. */
  globalConfig: string;
  /** An empty folder of ours: no `~/.config/git` is read. */
  home: string;
  onSpawn: (args: readonly string[]) => void;
}>;

const outputLimit = 64 * 1024 * 1024;
const killAfterMs = 2_000;
const drainMs = 2_000;

/**
 * Runs git without a shell, in a process group of its own, with a complete environment.
 * @throws GitFailure when it fails or takes too long; the signal's reason when that aborts.
 */
export function makeGit(settings: GitSettings): Git {
  return async (run) => {
    run.signal?.throwIfAborted();
    const distant = run.protocol !== undefined && run.protocol !== "file";
    const wrapper = run.leash ? leashed(run.leash) : distant ? ["sh", "-c", lifeline, "sh"] : settings.wrapper;
    const [program = settings.binary, ...argv] = [...wrapper, settings.binary, ...argsOf(run)];
    settings.onSpawn(run.args);
    const child = spawn(program, argv, {
      cwd: run.cwd ?? run.place.gitDir,
      env: envOf(settings, run),
      detached: true,
      stdio: ["pipe", "pipe", "pipe", ...(run.lockFd === undefined ? [] : [run.lockFd])],
    });
    // Of a distant or leashed git our end of the pipe stays open: its end tells that we are gone.
    if (run.leash) lengthen(child, run.leash);
    else if (!distant) child.stdin?.end(run.input ?? "");
    return await finish(child, run);
  };
}

/**
 * For a git that waits for a network: its helpers would wait on when only git dies with us. The whole group ends
 * when the pipe on standard input does. Such commands read no input.
 */
const lifeline = `exec 9<&0 </dev/null
"$@" 9<&- & git=$!
{ read -r _ <&9; kill -KILL 0; } >/dev/null 2>&1 & watch=$!
exec 9<&-
wait "$git"; code=$?
kill -KILL "$watch"
exit "$code"`;

const argsOf = ({ args, config = [] }: GitRun): readonly string[] => [
  ...[["core.hooksPath", "/dev/null"], ["core.fsmonitor", "false"], ...config].flatMap(([key, value]) => [
    "-c",
    `${key}=${value}`,
  ]),
  ...args,
];

function envOf(settings: GitSettings, { place, protocol, env }: GitRun): Record<string, string> {
  return {
    PATH: `${dirname(settings.binary)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: settings.home,
    XDG_CONFIG_HOME: settings.home,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: settings.globalConfig,
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GIT_EDITOR: "false",
    GIT_ALLOW_PROTOCOL: protocol ?? "none",
    GIT_OPTIONAL_LOCKS: "0",
    // Replacement refs and promised objects would let a repository decide what we read or whom we ask.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_DIR: place.gitDir,
    ...(place.commonDir === undefined ? {} : { GIT_COMMON_DIR: place.commonDir }),
    ...(place.workTree === undefined ? {} : { GIT_WORK_TREE: place.workTree }),
    ...(place.indexFile === undefined ? {} : { GIT_INDEX_FILE: place.indexFile }),
    ...(place.objects === undefined
      ? {}
      : {
          GIT_OBJECT_DIRECTORY: place.objects.write,
          // Quoted, so that a colon in the path does not make two of it (git(1)).
          GIT_ALTERNATE_OBJECT_DIRECTORIES: `"${place.objects.read.replace(/[\\"]/g, "\\$&")}"`,
        }),
    ...env,
  };
}

async function finish(child: ChildProcess, run: GitRun): Promise<GitAnswer> {
  const command = run.args.find((arg) => !arg.startsWith("-")) ?? "";
  const stdout: Buffer[] = [];
  let size = 0;
  let stderr = "";
  let ended: FailureKind | undefined;
  const stop = (kind?: FailureKind) => {
    ended ??= kind;
    endGroup(child);
  };
  const onAbort = () => stop();
  run.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => stop("timeout"), run.timeoutMs ?? 10 * 60_000);
  child.stdout?.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > outputLimit) stop("too-much-output");
    else stdout.push(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-32 * 1024);
  });
  // A git that ends before it has read its input is judged by its exit, not by the broken pipe.
  child.stdin?.on("error", () => undefined);
  try {
    const exitCode = await endOf(child);
    run.signal?.throwIfAborted();
    if (run.leash && isLate(exitCode)) throw new GitFailure("late", { command, stderr, exitCode });
    if (ended !== undefined) throw new GitFailure(ended, { command, stderr, exitCode });
    if (exitCode === null || (exitCode !== 0 && !run.answers?.includes(exitCode)))
      throw new GitFailure(kindOf(stderr), { command, stderr, exitCode });
    const output = Buffer.concat(stdout);
    return {
      code: exitCode,
      stdout: output,
      errors: stderr,
      get text() {
        return output.toString("utf8");
      },
    };
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Resolves with the exit code when all output was read. A pipe that somebody else holds on, such as the process that ssh
 * leaves behind for the next connection (ssh_config(5), ControlPersist), is not waited for.
 */
function endOf(child: ChildProcess): Promise<number | null> {
  const letGo = () => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
    child.once("exit", () => {
      // An event loop that was busy for so long reads what is there before it gets to the second step.
      const timer = setTimeout(() => setImmediate(letGo), drainMs);
      child.once("close", () => clearTimeout(timer));
    });
  });
}

/** SIGTERM lets git remove its lock files; what is left after two seconds is killed. */
function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  send("SIGTERM");
  setTimeout(() => send("SIGKILL"), killAfterMs).unref();
}
