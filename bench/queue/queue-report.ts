import { figure, type Goal, type Report, spreadText, type Table } from "../report.ts";
import type { PerJob } from "./commands.ts";
import type { Growth } from "./growth.ts";
import type { IdleCommands } from "./idle-commands.ts";
import type { PickUp } from "./pick-up.ts";
import { specBytes } from "./queue-side.ts";
import type { Saturated } from "./saturated.ts";
import type { Throughput } from "./throughput.ts";

type Named<T> = readonly (readonly [name: string, value: T])[];
export type Found = Readonly<{
  speed: readonly Throughput[];
  pickUps: Named<PickUp>;
  wholeJobs: readonly PerJob[];
  calls: readonly PerJob[];
  /** Bytes per queued job. */
  memory: Named<number>;
  parked: number;
  full: Saturated;
  grown: Named<readonly Growth[]>;
  idle: readonly IdleCommands[];
}>;

export const queueReport = (found: Found): Report => ({
  text,
  tables: [
    ...[speedTable(found), pickUpTable(found), commandTable(found), idleTable(found), growthTable(found)],
    ...[memoryTable(found), fullTable(found)],
  ],
  goals: goals(found),
});

const text = `The store over Redis and BullMQ 6.7.0, in turn on one redis-server (append-only file, synced each second; off where
the queue grows to a million), each job ${figure(specBytes())} bytes of JSON. *TCP* is Redis's own protocol, for BullMQ
too; *HTTP* is ours through \`agenticore redis-http\` in a process of its own, which BullMQ has no counterpart of: compare
TCP with TCP. Ours is the store port without job files, where claim and finish are two calls; BullMQ is a worker whose
processor does nothing, which fetches the next job together with the end of the last. All clients are in one process.
Calls of ours that are made at once go to Redis in one command; BullMQ sends one for each. Both keep what has ended, a
lease for each job that runs (BullMQ's lock), and what happened to it (our job's log, BullMQ's stream of events).
Jobs per second, median (least-most), after 1,000 to warm up; *times* are of BullMQ, round by round.`;

function speedTable({ speed }: Found): Table {
  const names = Object.keys(speed[0]?.perSecond ?? {});
  return {
    head: ["jobs per second", ...names, ...names.slice(0, -1).map((name) => `${name}: times`)],
    rows: speed.map(({ what, perSecond, times }) => [
      what,
      ...names.map((name) => (perSecond[name] ? spreadText(perSecond[name]) : "")),
      ...names.slice(0, -1).map((name) => (times[name] ? spreadText(times[name]) : "")),
    ]),
  };
}

const pickUpTable = ({ pickUps }: Found): Table => ({
  head: ["from submission to an idle worker, ms", "p50", "p95", "most"],
  rows: pickUps.map(([name, { p50, p95, max }]) => [name, ...[p50, p95, max].map(figure)]),
});

const commandTable = ({ wholeJobs, calls }: Found): Table => ({
  head: ["Redis commands", "sent", "within scripts"],
  rows: [...calls.map((call) => ({ ...call, what: `ours: ${call.what}` })), ...wholeJobs].map(
    ({ what, sent, inScripts }) => [what, figure(sent), figure(inScripts)],
  ),
});

const idleTable = ({ idle }: Found): Table => ({
  head: ["commands of an idle minute", "sent", "within scripts", "which"],
  rows: idle.map(({ name, sent, inScripts, names }) => [name, figure(sent), figure(inScripts), names]),
});

const growthTable = ({ grown }: Found): Table => ({
  head: ["ms with so many queued", ...(grown[0]?.[1] ?? []).map(({ queued }) => queued.toLocaleString("en"))],
  rows: grown.flatMap(([name, sizes]) => [
    [`${name}: claim`, ...sizes.map(({ claim }) => figure(claim))],
    [`${name}: enqueue`, ...sizes.map(({ enqueue }) => figure(enqueue))],
  ]),
});

const memoryTable = ({ memory }: Found): Table => ({
  head: ["", "bytes of Redis's memory per queued job"],
  rows: memory.map(([name, bytes]) => [name, figure(bytes)]),
});

const fullTable = ({ full, parked }: Found): Table => ({
  head: [`${parked.toLocaleString("en")} jobs behind a repository at its limit (BullMQ has no such limit)`, "ms"],
  rows: [
    ["claim of another repository's job", figure(full.claimOfAnother)],
    ["claim that finds none", figure(full.emptyClaim)],
    ["enqueue of one more", figure(full.enqueue)],
  ],
});

function goals({ speed, pickUps, calls, grown, idle }: Found): readonly Goal[] {
  const times = (what: string) => speed.find((one) => one.what === what)?.times["ours, TCP"]?.median ?? Number.NaN;
  const woken = pickUps.find(([name]) => name === "ours, HTTP")?.[1];
  const ours = grown.find(([name]) => name === "ours, TCP")?.[1] ?? [];
  const trips = calls.filter(({ what }) => ["submit", "claim", "renew", "finish"].includes(what));
  return [
    {
      what: "enqueue at 50 in flight, TCP: times BullMQ",
      limit: 1.3,
      reached: times("enqueue, 50 in flight"),
      atLeast: true,
    },
    {
      what: "claim + finish at 50 in flight, TCP: times BullMQ",
      limit: 1,
      reached: times("claim + finish, 50 in flight"),
      atLeast: true,
    },
    { what: "pick-up over HTTP: p50", limit: 10, reached: woken?.p50 ?? Number.NaN, unit: "ms" },
    { what: "pick-up over HTTP: p95", limit: 20, reached: woken?.p95 ?? Number.NaN, unit: "ms" },
    ...trips.map(({ what, sent }) => ({ what: `round trips of ${what}`, limit: 1, reached: sent })),
    ...idle
      .filter(({ name }) => name.includes("agenticore"))
      .map(({ name, sent }) => ({
        what: `${name}: commands of an idle minute`,
        limit: 2,
        reached: sent,
      })),
    {
      what: "claim with a million queued: times with a thousand",
      limit: 2,
      reached: (ours.at(-1)?.claim ?? Number.NaN) / (ours[0]?.claim ?? Number.NaN),
    },
  ];
}
