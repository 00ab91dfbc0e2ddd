import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { RunnerIdentity } from "../../../runner/process/run-file.ts";
import type { TreePlan } from "../../../runner/process/spawn-warden.ts";
import type { TreeExit } from "../../../runner/process/tree.ts";

/** A runner in a process group of its own, as `npx agenticore serve` is, that holds one tree. */
export interface ARunner {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly warden: number;
  readonly identity: RunnerIdentity;
  /** What it says of the tree's end. */
  readonly end: Promise<TreeExit>;
  /** kill -9 -PGID. */
  killGroup(): void;
}

export async function aRunner(
  plan: TreePlan,
  { runs, grantMs = 10_000 }: { runs: string; grantMs?: number },
): Promise<ARunner> {
  const program = join(import.meta.dirname, "../../fixtures/hold-tree.ts");
  // The plan holds words that tests look for in command lines.
  const env = { ...process.env, PLAN: JSON.stringify(plan) };
  const args = [program, runs, String(grantMs)];
  const child = spawn(process.execPath, args, { detached: true, env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [first] = await once(lines, "line");
  const { warden, identity } = JSON.parse(first);
  const pid = child.pid as number;
  return {
    ...{ child, pid, warden, identity },
    end: once(lines, "line").then(([line]) => JSON.parse(line)),
    killGroup: () => process.kill(-pid, "SIGKILL"),
  };
}
