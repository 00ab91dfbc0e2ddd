import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Clock } from "../../shared/clock.ts";
import { withFileLock } from "./file-lock.ts";
import { stateOf } from "./instance.ts";
import { isAlive, type ProcessId, signalProcess } from "./process-id.ts";
import { type RunFile, type RunnerIdentity, readRunFiles, writeRunFile } from "./run-file.ts";
import { ExitState, WardenState } from "./tree.ts";
import { endWithoutWarden, readState } from "./tree-end.ts";

/** An attempt of a runner that is gone; nothing of it lives, and its run file is ours now. */
export type Recovered = Readonly<{
  file: RunFile;
  /** How its command ended, if its warden came to write it. */
  exit: ExitState | undefined;
}>;

export type Recovery = Readonly<{
  /** To be given back to the queue, then `removeRunFile`. */
  ended: readonly Recovered[];
  /** Not to be touched, each with the reason: their leases will end. */
  left: readonly Readonly<{ file: RunFile; why: string }>[];
  /** Names of run files that cannot be read. */
  broken: readonly string[];
}>;

/**
 * What runners that died left in the folder: ends the processes that still live and takes the run files over.
 * Only those of a runner that is proven dead; two runners that do this at once never get the same file.
 */
export async function recoverRunFiles(runs: string, me: RunnerIdentity, clock: Clock): Promise<Recovery> {
  return await withFileLock(join(runs, ".recovering"), async () => {
    const { files, broken } = await readRunFiles(runs);
    const ended: Recovered[] = [];
    const left: { file: RunFile; why: string }[] = [];
    for (const file of files.filter(({ runner }) => runner.instance !== me.instance)) {
      const state = await stateOf(runs, file.runner);
      if (state === "alive") continue;
      const why = state === "unknown" ? "its runner may live where it cannot be seen" : await endRun(file, me, clock);
      if (why === undefined) ended.push(await takeOver(runs, file, me));
      else left.push({ file, why });
    }
    return { ended, left, broken };
  });
}

/** Ends what lives of an attempt whose runner is dead. @returns why that did not work, if it did not. */
async function endRun(file: RunFile, me: RunnerIdentity, clock: Clock): Promise<string | undefined> {
  if (file.runner.boot_id !== me.boot_id) return undefined; // nothing outlives a boot
  const survivors = file.runner.pid_namespace === me.pid_namespace ? await endTree(file, clock) : [];
  if (survivors.length > 0) return `process ${survivors.map(({ pid }) => pid).join(", ")} cannot be ended`;
  return (await closeRun(file.run_dir)) ? undefined : "its warden lives where it cannot be seen";
}

async function takeOver(runs: string, file: RunFile, me: RunnerIdentity): Promise<Recovered> {
  const mine = { ...file, runner: me, holder: file.holder ?? file.runner.instance };
  await writeRunFile(runs, mine);
  return { file: mine, exit: await readState(placeOf(file), "exit.json", ExitState) };
}

/** Ends the attempt's warden and tree. @returns what still lives. */
async function endTree(file: RunFile, clock: Clock): Promise<readonly ProcessId[]> {
  const place = placeOf(file);
  const state = await readState(place, "warden.json", WardenState);
  const wardens = [asId(file.pid, file.start_time), asId(state?.pid, state?.start_time)].filter(
    (id) => id !== undefined,
  );
  // It has seen its lifeline end, and writes how the command ended if it is let.
  const until = clock.uptime() + 2_000;
  while (wardens.some(isAlive) && clock.uptime() < until) await clock.sleep(20);
  for (const warden of wardens) signalProcess(warden, "SIGKILL");
  const left = await endWithoutWarden(place, clock);
  return [...wardens.filter(isAlive), ...left];
}

/** Takes the lock that warden and init hold while they live, and closes the folder to a warden that comes late. */
async function closeRun(runDir: string): Promise<boolean> {
  if (!existsSync(runDir)) return true; // a tree is never started before
  const args = ["--wait", "5", join(runDir, "lock"), "touch", join(runDir, "closed")];
  return await promisify(execFile)("flock", args, { env: { PATH: "/usr/bin:/bin" } }).then(
    () => true,
    () => false,
  );
}

const placeOf = ({ job, fence, run_dir }: RunFile) => ({ job, fence, runDir: run_dir });
const asId = (pid: number | null | undefined, startTime: number | null | undefined): ProcessId | undefined =>
  typeof pid === "number" && typeof startTime === "number" ? { pid, startTime } : undefined;
