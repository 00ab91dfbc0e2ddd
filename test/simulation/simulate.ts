import type { JobEvent } from "../../shared/event.ts";
import { isTerminal, type Job, type JobId } from "../../shared/job.ts";
import type { JobStore, StoreLimits } from "../../shared/store.ts";
import { faultsOf } from "../support/history.ts";
import { type Random, seeded } from "../support/random.ts";
import { type Box, openBox } from "./box.ts";
import { openClients } from "./clients.ts";
import { startProcess } from "./machine.ts";
import { calm, openNetwork, type Weather } from "./network.ts";
import { openTimeline } from "./timeline.ts";
import { openWitness } from "./witness.ts";

/** A store with its time in the simulation's hand; empty at the beginning of each simulation. */
export type SimulatedStore = Readonly<{
  /** Connections to one state, as two processes have them. */
  stores: readonly [JobStore, JobStore];
  advance(ms: number): unknown;
  /** Looks whether what must always hold holds, now and then after a call, and always at the `end`; one sentence for each thing that does not. */
  inspect(call: string): Promise<readonly string[]>;
  /** The server ends and comes back with what it had. */
  restart(): Promise<void>;
}>;
export const limits = { repoLimit: 2, poolLimits: { big: 1 } } as const satisfies StoreLimits;

/** What came of one seed. */
export type Outcome = Readonly<{
  faults: readonly string[];
  /** Jobs that have succeeded, and attempts that were lost. */
  succeeded: number;
  lost: number;
  trace: readonly string[];
}>;

const second = 1_000;
const stormMs = 50 * second;
/** Longer than the longest pause behind losses, several times. */
const patienceMs = 3_600 * second;

/** Plays one seed: submissions and meddling in a storm of faults, then peace in which everything must come to an end. */
export async function simulate(seed: number, world: SimulatedStore, isTraced: boolean): Promise<Outcome> {
  const random = seeded(seed);
  const trace: string[] = [];
  const faults: string[] = [];
  const timeline = openTimeline(world.advance);
  const note = (line: () => string) => {
    if (isTraced) trace.push(`${(timeline.now() / second).toFixed(3)} ${line()}`);
  };
  const witness = openWitness();
  const newId = idsFrom(random);
  const watched = (store: JobStore): JobStore => ({
    ...store,
    claim: async (request) => {
      const claim = await store.claim(request);
      if (claim) witness.claimed(claim);
      return claim;
    },
  });
  const [first, other] = world.stores;
  const after = async (call: string) => void faults.push(...(await world.inspect(call)));
  const network = openNetwork(timeline, { random, trace: note, after });
  const boxes = [0, 1, 2].map((n): Box => {
    const machine = { timeline, rate: 0.97 + 0.06 * random.next(), wall: { offset: 0 } };
    const pools = n === 2 ? ["big", "default"] : random.pick([["default"], ["default", "big"]]);
    const parts = { machine, network, random, witness, newId, trace: note };
    return openBox({
      ...parts,
      name: `box-${n}`,
      pools,
      capacity: 1 + random.below(2),
      store: watched(n % 2 ? other : first),
    });
  });
  const api = startProcess({ timeline, rate: 1, wall: { offset: 0 } });
  const clients = openClients({ process: api, store: network.reach(api, other), random, newId, witness });
  const jobs = 1 + random.below(4);
  const at = (ms: number, act: () => unknown) => void timeline.at(ms, act);
  for (let number = 0; number < jobs; number += 1) at(random.below(stormMs / 2), () => void clients.submit(number));
  for (let n = random.below(6); n > 0; n -= 1) at(random.below(stormMs), () => void clients.meddle());
  network.setWeather(weatherOf(random));
  for (const [ms, act] of mishaps({ random, boxes, network, world, trace: note })) at(ms, act);
  at(stormMs, () => {
    note(() => "the storm is over");
    network.setWeather(calm);
  });

  let ended: readonly Job[] = [];
  let isOver = false;
  const look = async (): Promise<void> => {
    if (clients.pending() === 0 && boxes.every((box) => box.isIdle())) {
      ended = await listed(other);
      isOver = ended.every((job) => isTerminal(job.status));
    }
    if (!isOver) isOver = timeline.now() > stormMs + patienceMs;
    if (!isOver) at(timeline.now() + 5 * second, look);
  };
  at(stormMs + second, look);
  await timeline.run(() => isOver || faults.length > 0);
  faults.push(...(await world.inspect("end")));
  const known = await Promise.all(
    (await listed(other)).map(async (job) => ({ job, events: await eventsOf(other, job.id) })),
  );
  if (faults.length === 0) faults.push(...faultsOf({ ...witness.seen(), jobs: known }));
  const attempts = known.flatMap(({ job }) => job.attempts);
  return {
    faults,
    succeeded: known.filter(({ job }) => job.status === "succeeded").length,
    lost: attempts.filter(({ reason }) => reason === "crashed" || reason === "lease_lost").length,
    trace,
  };
}

type Stage = Readonly<{
  random: Random;
  boxes: readonly Box[];
  network: Pick<ReturnType<typeof openNetwork>, "outage">;
  world: SimulatedStore;
  trace: (line: () => string) => void;
}>;

/** What goes wrong with machines, and when. */
function mishaps({ random, boxes, network, world, trace }: Stage): (readonly [number, () => unknown])[] {
  return Array.from({ length: random.below(7) }, () => {
    const box = boxes[random.below(boxes.length)];
    const ms = random.below(stormMs);
    const length = second + random.below(45 * second);
    const kinds = {
      crash: () => box?.crash(200 + random.below(5_000)),
      lose: () => box?.crash(stormMs + random.below(60 * second)),
      pause: () => box?.pause(length),
      stop: () => box?.stopNow(),
      restart: () => world.restart(),
      outage: () => {
        trace(() => `the store is away for ${length} ms`);
        network.outage(length);
      },
    };
    return [ms, kinds[random.pick(["crash", "crash", "lose", "pause", "pause", "stop", "outage", "restart"])]];
  });
}

const weatherOf = (random: Random): Weather =>
  random.pick([
    calm,
    { lostBefore: 4, lostAfter: 4, late: 2, twice: 5, deafHints: 20 },
    { lostBefore: 10, lostAfter: 15, late: 10, twice: 15, deafHints: 50 },
    { lostBefore: 0, lostAfter: 30, late: 0, twice: 30, deafHints: 100 },
  ]);

/** UUIDs (version 4) that come again with the seed. */
const idsFrom = (random: Random) => (): string => {
  const hex = (digits: number) => Array.from({ length: digits }, () => random.below(16).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
};

const listed = async (store: JobStore): Promise<readonly Job[]> => {
  const { jobs } = await store.list({ limit: 100 });
  return jobs;
};

async function eventsOf(store: JobStore, id: JobId): Promise<readonly JobEvent[]> {
  const { events } = await store.events(id, {});
  return events;
}
