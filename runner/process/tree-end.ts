import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import type { Clock } from "../../shared/clock.ts";
import { isAlive, type ProcessId, signalProcess } from "./process-id.ts";
import type { Sandbox } from "./sandbox.ts";
import { type Attempt, findMarked, sweepMarked } from "./sweep.ts";
import { ExitState, type TreeExit, WardenState } from "./tree.ts";

type Place = Attempt & Readonly<{ runDir: string; sandbox: Sandbox }>;
/** With what the runner asked for: a warden that had to be killed to get it cannot say. */
type Ending = Place & Readonly<{ asked: () => "terminated" | "killed" | undefined }>;

/** Waits for the warden's exit (never for a pipe: a leaked child may hold it) and makes sure that the tree is gone. */
export async function endOfTree(child: ChildProcess, place: Ending, clock: Clock): Promise<TreeExit> {
  await new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", resolve);
  });
  const end = await readState(place, "exit.json", ExitState);
  // The warden has seen the namespace's end before it wrote that; without a namespace it gives up after a while,
  // and without that it was killed.
  const survivors = end && place.sandbox.tier === "namespace" ? [] : await endWithoutWarden(place, clock);
  const reason = end?.reason ?? place.asked() ?? "warden_lost";
  const code = end?.code ?? null;
  const message = reason === "failed" ? await lastLine(join(place.runDir, "warden.log")) : "";
  return { reason, code, signal: signalOf(code), message, ...(survivors.length > 0 ? { survivors } : {}) };
}

/** The warden, the init of the tree and whatever carries the job's marker, as far as they live. */
export async function survivorsOf(warden: ProcessId, place: Place): Promise<readonly ProcessId[]> {
  const init = await initOf(place);
  const known = [warden, ...(init ? [init] : [])].filter(isAlive);
  return [...known, ...(await findMarked(place))];
}

/**
 * Ends what a warden that was killed may have left: its init has died with it by the parent-death signal,
 * and a namespace with its init; without a namespace there may be more.
 * @returns what could not be ended within five seconds.
 */
export async function endWithoutWarden(
  place: Attempt & { runDir: string },
  clock: Clock,
): Promise<readonly ProcessId[]> {
  const until = clock.uptime() + 5_000;
  const init = await initOf(place);
  while (init && isAlive(init) && clock.uptime() < until) {
    signalProcess(init, "SIGKILL");
    await clock.sleep(10);
  }
  const left = await sweepMarked(place, clock);
  return init && isAlive(init) ? [init, ...left] : left;
}

async function initOf(place: Attempt & { runDir: string }): Promise<ProcessId | undefined> {
  const state = await readState(place, "warden.json", WardenState);
  return state && { pid: state.init_pid, startTime: state.init_start_time };
}

/** A state file of this very attempt, if there is a whole one. */
export async function readState<T extends Attempt>(
  { runDir, job, fence }: Attempt & { runDir: string },
  name: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  try {
    const state = schema.parse(JSON.parse(await readFile(join(runDir, name), "utf8")));
    return state.job === job && state.fence === fence ? state : undefined;
  } catch {
    return undefined;
  }
}

const signalOf = (code: number | null): NodeJS.Signals | null => {
  if (code === null) return "SIGKILL";
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
};

const lastLine = async (path: string): Promise<string> =>
  (await readFile(path, "utf8").catch(() => "")).trimEnd().split("\n").at(-1) ||
  "the job's processes could not be started";
