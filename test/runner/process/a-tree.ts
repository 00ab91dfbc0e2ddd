import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processGroup, rootNamespace, type Sandbox, userNamespace } from "../../../runner/process/sandbox.ts";
import { startTree, type TreePlan } from "../../../runner/process/spawn-warden.ts";
import type { Tree } from "../../../runner/process/tree.ts";
import { systemClock as clock } from "../../../shared/clock.node.ts";

/** The tiers that a test goes through. */
export const tiers: readonly (readonly [string, Sandbox])[] = [
  ["namespace", process.getuid?.() === 0 ? rootNamespace : userNamespace],
  ["group", processGroup("The test declines namespaces")],
];

/** A stand-in for Claude, by its name. */
export const standIn = (name: string): string => join(import.meta.dirname, "../../fixtures/bin", name);

/** A folder like a runner's data folder, with one job's worktree, runs and temporary folder; not below /tmp, which jobs see anew. */
export function aPlace(parent = "/var/tmp") {
  const root = realpathSync(mkdtempSync(join(parent, "tree-")));
  const [data, cwd, runs, runDir, tmp] = ["data", "data/worktree", "data/runs", "data/runs/run", "data/tmp"].map(
    (path) => {
      mkdirSync(join(root, path), { recursive: true });
      return join(root, path);
    },
  ) as [string, string, string, string, string];
  const word = String(process.hrtime.bigint() % 1_000_000_000_000n).padStart(12, "7");
  const remove = () => {
    for (const pid of livingWith(word)) process.kill(pid, "SIGKILL");
    rmSync(root, { recursive: true, force: true });
  };
  return { root, data, cwd, runs, runDir, tmp, word, [Symbol.dispose]: remove };
}
export type Place = ReturnType<typeof aPlace>;

export const soon = (softMs: number, hardMs = softMs) => ({
  softAt: clock.uptime() + softMs,
  hardAt: clock.uptime() + hardMs,
});

export const aPlan = (place: Place, sandbox: Sandbox, plan: Pick<TreePlan, "argv"> & Partial<TreePlan>): TreePlan => ({
  job: crypto.randomUUID(),
  fence: 1,
  cwd: place.cwd,
  env: { PATH: "/usr/bin:/bin" },
  runDir: place.runDir,
  sandbox,
  visible: [],
  hidden: [place.data],
  tmp: place.tmp,
  until: soon(15_000),
  ...plan,
});

export const start = (plan: TreePlan): Tree => startTree(plan, { clock });

export const output = (place: Place): string => readFileSync(join(place.runDir, "out"), "utf8");

/** The processes of this machine that have `word` in their command line. */
export const livingWith = (word: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(word);
      } catch {
        return false;
      }
    })
    .map(Number);

/** Waits until `check` gives something; fails after `withinMs`. */
export async function eventually<T>(what: string, check: () => T | false | undefined, withinMs = 10_000): Promise<T> {
  const until = clock.uptime() + withinMs;
  for (;;) {
    const found = check();
    if (found !== false && found !== undefined) return found;
    if (clock.uptime() > until) throw new Error(`not within ${withinMs} ms: ${what}`);
    await clock.sleep(20);
  }
}
