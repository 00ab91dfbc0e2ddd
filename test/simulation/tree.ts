import type { Grant } from "../../runner/keep-lease.ts";
import type { JobId } from "../../shared/job.ts";
import type { Run } from "../support/history.ts";
import { type Machine, type Process, timeOf, uptimeOf } from "./machine.ts";

/** How a tree ended: by itself, because its runner said so, because nobody granted it more time, or with its runner. */
export type TreeEnd = "done" | "stopped" | "expired" | "orphaned";

/** A job's process tree under its warden, which lives outside of the runner and kills it when it is granted no more. */
export type Tree = Readonly<{
  /** Until then it may live, by the clock of its box. */
  grant(grant: Grant): void;
  /** Ends it, within so many milliseconds. */
  stop(withinMs: number): void;
  /** Somebody kills its warden, and so all of it. */
  kill(): void;
  /** It has done what it was to do. */
  done(): void;
  ended: Promise<TreeEnd>;
  isAlive(): boolean;
}>;

type Birth = Readonly<{
  job: JobId;
  fence: number;
  /** Until when it may live, by the clock of its box. */
  until: Grant;
  /** Until its warden has seen that the runner is dead, milliseconds. */
  orphanMs: number;
  onEnd: (run: Run) => void;
}>;

export function startTree(machine: Machine, parent: Process, birth: Birth): Tree {
  const { timeline } = machine;
  const from = timeline.now();
  const exit = Promise.withResolvers<TreeEnd>();
  let alive = true;
  let dropDeadline = (): void => undefined;

  const end = (why: TreeEnd) => {
    if (!alive) return;
    alive = false;
    dropDeadline();
    if (isBorn) birth.onEnd({ job: birth.job, fence: birth.fence, from, until: timeline.now() });
    parent.deliver(() => exit.resolve(why));
  };
  const within = (ms: number, why: TreeEnd) => void timeline.at(timeline.now() + ms, () => end(why));
  const grant = ({ hardAt }: Grant) => {
    if (!alive) return;
    dropDeadline();
    dropDeadline = timeline.at(timeOf(machine, hardAt), () => end("expired"));
  };
  // As the real warden: a runner that slept between claim and start begins nothing that is no longer its own.
  const isBorn = uptimeOf(machine) < birth.until.softAt;
  if (isBorn) grant(birth.until);
  else within(0, "expired");
  parent.onKill(() => within(birth.orphanMs, "orphaned"));
  return {
    grant,
    stop: (ms) => within(ms, "stopped"),
    kill: () => end("orphaned"),
    done: () => end("done"),
    ended: exit.promise,
    isAlive: () => alive,
  };
}
