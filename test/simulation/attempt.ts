import { type Conclusion, concludeError } from "../../runner/conclude.ts";
import { type Held, keepLease, type LeaseTimes } from "../../runner/keep-lease.ts";
import { Stop, stopReason } from "../../runner/stop.ts";
import { backOff, type Clock } from "../../shared/clock.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import type { NewEvent } from "../../shared/event.ts";
import { silentLog } from "../../shared/log.ts";
import type { Ending, JobStore, Lease, Release } from "../../shared/store.ts";
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
export type End = Readonly<{ finish: Ending }> | Readonly<{ release: Release }>;

/** One attempt as the runner's recipe goes, with the real keeper of its lease and a process tree that does nothing. */
export async function attempt(held: Held, deps: AttemptDeps, stop: AbortSignal): Promise<void> {
  const { disk, process, store, random, times } = deps;
  const { lease } = held.claim;
  const keeper = keepLease(held, { store, clock: process.clock, log: silentLog, random: random.next }, times);
  const said: string[] = [];
  disk.runs.set(keyOf(lease), lease);
  disk.notes.delete(held.claimId);
  const signal = AbortSignal.any([keeper.signal, stop]);
  const conclusion = await work().catch((error: unknown) => concludeError(error, { signal }));
  const left = await keeper.end();
  const told = "finish" in conclusion ? conclusion.finish : conclusion.release;
  const rest = { firstEvent: left.firstEvent, events: [...left.events, ...(told.events ?? [])] };
  const patch = { ...left.patch, ...told.patch };
  const end: End =
    "finish" in conclusion
      ? { finish: { ...conclusion.finish, ...rest, patch } }
      : { release: { ...conclusion.release, ...rest, patch } };
  disk.endings.set(keyOf(lease), { lease, end, said });
  disk.runs.delete(keyOf(lease));
  await report({ lease, end, said }, deps);
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
    await proven(() => keeper.flush(), signal, clock);
    await clock.sleep(random.below(100));
    const tree = grow();
    keeper.patch({ phase: "running" });
    void beat(tree);
    const why = await untilEnd(tree);
    if (why === "expired" || stopReason(signal) === "lease-lost") throw new LeaseLost(lease.job);
    if (why === "orphaned") throw new AppError("internal", "the warden was killed");
    signal.throwIfAborted();
    await proven(() => keeper.flush(), signal, clock); // as before each push
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

/** Nothing starts, and nothing is pushed, without a proven lease; an outage alone ends no attempt. */
async function proven(flush: () => Promise<void>, signal: AbortSignal, clock: Clock): Promise<void> {
  for (;;) {
    try {
      return await flush();
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
    }
    signal.throwIfAborted();
    await clock.sleep(1_000, signal);
    signal.throwIfAborted();
  }
}

/** Tells the store how the attempt ended, as long as it takes. */
export async function report(
  { lease, end, said }: Readonly<{ lease: Lease; end: End; said: readonly string[] }>,
  { store, process, witness }: Pick<AttemptDeps, "store" | "process" | "witness">,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      if ("finish" in end) {
        const { status } = await store.finish(lease, end.finish);
        if (status === "succeeded" || status === "failed" || status === "cancelled")
          witness.ended({ job: lease.job, fence: lease.fence, status, said });
      } else {
        await store.release(lease, end.release);
        witness.ended({ job: lease.job, fence: lease.fence, said });
      }
      return;
    } catch (error) {
      if (error instanceof LeaseLost) return;
    }
    await process.clock.sleep(backOff(tries, { baseMs: 250, capMs: 3_000 }));
  }
}

export const draining = new Stop("draining");
