import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { plainEnv } from "./big-repository.ts";
import { fakeClaude } from "./served.ts";

/** What a person would type instead of using Agenticore: the same checkout settings, no housekeeping, no questions. */
const settings = ["gc.auto=0", "maintenance.auto=false", "checkout.workers=8", "checkout.thresholdForParallelism=100"];

export type BareGit = Readonly<{
  /** Milliseconds from before the first command until Claude's process runs in a new worktree of the newest commit. */
  start: () => Promise<number>;
}>;

/** `git fetch` of the one ref into a mirror that is there, `git worktree add`, spawn. */
export async function bareMirror(folder: string, source: string): Promise<BareGit> {
  const mirror = join(folder, "mirror.git");
  await git(folder, ["clone", "--quiet", "--bare", "--no-local", source, mirror]);
  return {
    start: async () => {
      const at = Date.now();
      await git(mirror, ["fetch", "--quiet", "--no-tags", source, "+refs/heads/main:refs/bench/main"]);
      return await startIn({ mirror, tree: join(folder, "tree"), at, ref: "refs/bench/main" });
    },
  };
}

/** `git clone --bare`, `git worktree add`, spawn. */
export const bareClone = (folder: string, source: string): BareGit => ({
  start: async () => {
    const mirror = join(folder, "cold.git");
    const at = Date.now();
    await git(folder, ["clone", "--quiet", "--bare", "--no-local", source, mirror]);
    const ms = await startIn({ mirror, tree: join(folder, "cold-tree"), at, ref: "refs/heads/main" });
    await run("rm", ["-rf", "--", mirror], folder);
    return ms;
  },
});

type Place = Readonly<{ mirror: string; tree: string; ref: string; at: number }>;

async function startIn({ mirror, tree, ref, at }: Place): Promise<number> {
  await git(mirror, ["worktree", "add", "--quiet", "--detach", tree, ref]);
  const claude = spawn(fakeClaude, [], { cwd: tree, stdio: ["pipe", "pipe", "inherit"] });
  claude.stdin.end("a task\n");
  const said = await text(claude.stdout);
  await run("rm", ["-rf", "--", tree], mirror);
  await git(mirror, ["worktree", "prune"]);
  return Number(/"started (\d+)"/.exec(said)?.[1]) / 1_000 - at;
}

const git = (cwd: string, args: readonly string[]): Promise<void> =>
  run("git", [...settings.flatMap((setting) => ["-c", setting]), ...args], cwd);

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, env: plainEnv(), stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
}
