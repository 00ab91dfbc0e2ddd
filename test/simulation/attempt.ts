import { type Conclusion, concludeError } from "../../runner/conclude.ts";
import type { EndingFile } from "../../runner/ending-file.ts";
import { type Held, keepLease, type LeaseTimes } from "../../runner/keep-lease.ts";
import { Stop, stopReason } from "../../runner/stop.ts";
import { tellEnding } from "../../runner/tell-ending.ts";
import { whileAway } from "../../runner/while-away.ts";
import { backOff } from "../../shared/clock.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import type { NewEvent } from "../../shared/event.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore, Lease } from "../../shared/store.ts";
import type { Random } from "../support/random.ts";
import type { Disk } from "./disk.ts";
import type { Machine, Process } from "./machine.ts";
import { startTree, type Tree } from "./tree.ts";
import type { Witness } from "./witness.ts";

export type AttemptDeps = Readonly<{
  machine: Machine;
  process: Process;
  disk: Disk;
  store: JobStore;
  random: Random;
  times: LeaseTimes;
  witness: Witness;
  newId: () => string;
}>;
/** An end as it lies on the disk, and what the attempt told in all. */
export type KeptEnding = EndingFile & Readonly<{ said: readonly string[] }>;

/** One attempt as the runner's recipe goes, with the real keeper of its lease and a process tree that does nothing. */
export async function attempt(held: Held, deps: AttemptDeps, stop: AbortSignal): Promise<void> {
  const { disk, process, store, random, times } = deps;
  const { lease } = held.claim;
  const keeper = keepLease(held, { store, clock: process.clock, log: silentLog, random: random.next }, times);
  const said: string[] = [];
  disk.runs.set(keyOf(lease), lease);
  disk.notes.delete(held.claimId);
  const signal = AbortSignal.any([keeper.signal, stop]);
  const proven = () => whileAway(() => keeper.flush(), { clock: process.clock, capMs: times.urgentMs, signal });
  const conclusion = await work().catch((error: unknown) => concludeError(error, { signal }));
  const left = await keeper.end();
  const told = "finish" in conclusion ? conclusion.finish : conclusion.release;
  const rest = { firstEvent: left.firstEvent, events: [...left.events, ...(told.events ?? [])] };
  const patch = { ...left.patch, ...told.patch };
  const end: KeptEnding["end"] =
    "finish" in conclusion
      ? { finish: { ...conclusion.finish, ...rest, patch } }
      : { release: { ...conclusion.release, ...rest, patch } };
  const kept = { lease, runner: nobody, at: process.clock.now(), leaseMs: times.leaseMs, end, said };
  disk.endings.set(keyOf(lease), kept);
  disk.runs.delete(keyOf(lease));
  await report(kept, deps);
  disk.endings.delete(keyOf(lease));

  function say(): NewEvent {
    const text = `${lease.fence}:${said.length}`;
    said.push(text);
    return { type: "claude.said", data: { text } };
  }
  async function work(): Promise<Conclusion> {
    const { clock } = process;
    keeper.patch({ phase: "cloning" });
    await clock.sleep(random.below(4_000), signal);
    if (random.below(2) === 0) keeper.emit(say());
    keeper.patch({ phase: "preparing", session_id: held.claim.job.session_id ?? deps.newId() });
    await proven();
    await clock.sleep(random.below(100));
    const tree = grow();
    keeper.patch({ phase: "running" });
    void beat(tree);
    const why = await untilEnd(tree);
    if (why === "expired" || stopReason(signal) === "lease-lost") throw new LeaseLost(lease.job);
    if (why === "orphaned") throw new AppError("internal", "the warden was killed");
    signal.throwIfAborted();
    await proven(); // as before each push
    if (random.below(10) === 0)
      return { release: { reason: "waiting", delayMs: random.below(20_000), events: [say()] } };
    const status = random.below(8) === 0 ? "failed" : "succeeded";
    return { finish: { status, patch: { output: "done" }, events: [say()] } };
  }
  function grow(): Tree {
    const { job, fence } = lease;
    const birth = { job, fence, until: keeper.grant(), orphanMs: random.below(500), onEnd: deps.witness.ran };
    const tree = startTree(deps.machine, process, birth);
    disk.trees.set(keyOf(lease), tree);
    keeper.onGrant(tree.grant);
    keeper.onMessage(({ id }) => {
      void process.clock.sleep(random.below(2_000)).then(() => keeper.delivered(id));
    });
    return tree;
  }
  /** What Claude does: it speaks now and then, and comes to an end. */
  async function beat(tree: Tree): Promise<void> {
    const beats = 1 + random.below(3);
    for (let n = 0; n < beats && tree.isAlive() && !signal.aborted; n += 1) {
      await process.clock.sleep(500 + random.below(10_000));
      if (tree.isAlive()) keeper.emit(say());
    }
    if (random.below(15) === 0) tree.kill();
    else tree.done();
  }
  async function untilEnd(tree: Tree) {
    const stopped = () => tree.stop(stopReason(signal) === "lease-lost" ? 0 : random.below(3_000));
    if (signal.aborted) stopped();
    else signal.addEventListener("abort", stopped, { once: true });
    return await tree.ended;
  }
}

export const keyOf = ({ job, fence }: Lease): string => `${job}.${fence}`;

/** Tells the store how the attempt ended, as long as it takes. */
export async function report(
  ending: KeptEnding,
  { store, process, witness }: Pick<AttemptDeps, "store" | "process" | "witness">,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await tellEnding(store, ending, process.clock.now());
      const { lease, end, said } = ending;
      const status = "finish" in end ? { status: end.finish.status } : {};
      witness.ended({ job: lease.job, fence: lease.fence, said, ...status });
      return;
    } catch (error) {
      if (error instanceof LeaseLost) return;
    }
    await process.clock.sleep(backOff(tries, { baseMs: 250, capMs: 3_000 }));
  }
}

/** A disk of the simulation belongs to one runner at a time. */
const nobody = { instance: "-", host: "-", boot_id: "-", pid_namespace: "-", pid: 1, start_time: 0 };

export const draining = new Stop("draining");
