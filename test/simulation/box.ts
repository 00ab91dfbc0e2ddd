import { keepAnnounced } from "../../runner/announce.ts";
import { claimLoop } from "../../runner/claim-loop.ts";
import type { LeaseTimes } from "../../runner/keep-lease.ts";
import { LeaseLost } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore } from "../../shared/store.ts";
import { aRunner } from "../support/a-job.ts";
import type { Random } from "../support/random.ts";
import { attempt, draining, keyOf, report } from "./attempt.ts";
import { openDisk } from "./disk.ts";
import { type Machine, type Process, startProcess } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Witness } from "./witness.ts";

export type BoxPlan = Readonly<{
  name: string;
  pools: readonly string[];
  capacity: number;
  machine: Machine;
  network: Network;
  store: JobStore;
  random: Random;
  witness: Witness;
  newId: () => string;
  trace: (line: () => string) => void;
}>;

/** A box with a runner, which is started again whenever it has ended. */
export type Box = Readonly<{
  /** kill -9; it comes back after so many milliseconds. */
  crash(backMs: number): void;
  pause(ms: number): void;
  /** As a second SIGTERM: its jobs are given back. */
  stopNow(): void;
  /** Whether its runner has nothing to do any more. */
  isIdle(): boolean;
}>;

/** All of a lease is scaled down, in the proportions of the real one. */
export const times: LeaseTimes = { leaseMs: 30_000, renewMs: 8_000, urgentMs: 2_000 };

export function openBox(plan: BoxPlan): Box {
  const { name, machine, network, random, witness, newId, trace } = plan;
  const disk = openDisk();
  let generation = 0;
  let stopping = new AbortController();
  let process = begin();

  function begin(): Process {
    generation += 1;
    const started = startProcess(machine);
    void live(started, `${name}/${generation}`);
    return started;
  }
  async function live(own: Process, instance: string): Promise<void> {
    const store = network.reach(own, plan.store);
    trace(() => `${instance} begins`);
    await recover(own, store);
    stopping = new AbortController();
    const { signal } = stopping;
    const drained = new AbortController();
    signal.addEventListener("abort", () => drained.abort());
    const deps = { store, clock: own.clock, log: silentLog, random: random.next };
    const announcer = keepAnnounced(deps, {
      runner: instance,
      record: async () => aRunner({ id: instance, name, draining: drained.signal.aborted }),
      everyMs: 60_000,
      onDrain: () => drained.abort(),
    });
    const newClaim = async (instead?: string) => {
      const id = newId();
      disk.notes.set(id, instance);
      if (instead !== undefined) disk.notes.delete(instead);
      return id;
    };
    const { pools, capacity } = plan;
    await claimLoop(
      { ...deps, newClaim, mayClaim: async () => true, warm: () => (random.below(2) === 0 ? ["https://h/a"] : []) },
      {
        options: { runner: instance, podName: name, pools, capacity, leaseMs: times.leaseMs, idlePollMs: 20_000 },
        work: (held) => attempt(held, { machine, process: own, disk, store, random, times, witness, newId }, signal),
        stop: drained.signal,
      },
    );
    await announcer[Symbol.asyncDispose]();
    await store.retire(instance).catch(() => undefined);
    trace(() => `${instance} ends`);
    await own.clock.sleep(1_000 + random.below(5_000));
    process = begin();
  }
  /** What an earlier runner of this box left is ended and told of before anything new is taken. */
  async function recover(own: Process, store: JobStore): Promise<void> {
    const { clock } = own;
    const untilDone = async (act: () => Promise<unknown>) => {
      for (;;) {
        try {
          return await act();
        } catch (error) {
          if (error instanceof LeaseLost) return;
        }
        await clock.sleep(1_000);
      }
    };
    while ([...disk.trees.values()].some((tree) => tree.isAlive())) await clock.sleep(100);
    disk.trees.clear();
    for (const [key, ending] of disk.endings) {
      await report(ending, { store, process: own, witness });
      disk.endings.delete(key);
    }
    for (const [key, lease] of disk.runs) {
      await untilDone(() => store.release(lease, { reason: "crashed" }));
      disk.runs.delete(key);
    }
    for (const [claimId, runner] of disk.notes) {
      await untilDone(async () => {
        const claim = await store.claim({ claimId, runner, pod_name: name, pools: [], leaseMs: times.leaseMs });
        if (claim && !disk.runs.has(keyOf(claim.lease))) await store.release(claim.lease, { reason: "drained" });
      });
      disk.notes.delete(claimId);
    }
  }
  return {
    crash: (backMs) => {
      if (!process.isAlive()) return;
      trace(() => `${name}/${generation} is killed, back in ${backMs} ms`);
      process.kill();
      machine.timeline.at(machine.timeline.now() + backMs, () => {
        process = begin();
      });
    },
    pause: (ms) => {
      trace(() => `${name}/${generation} is stopped for ${ms} ms`);
      process.pause(ms);
    },
    stopNow: () => {
      trace(() => `${name}/${generation} is told to stop now`);
      process.deliver(() => stopping.abort(draining));
    },
    isIdle: () => disk.runs.size === 0 && disk.endings.size === 0,
  };
}
