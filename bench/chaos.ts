import type { Outcome } from "../test/chaos/outcome.ts";
import { type ChaosOptions, chaosDefaults, runChaos } from "../test/chaos/run-chaos.ts";
import type { FaultCounts } from "../test/chaos/storm.ts";
import { type BullmqOutcome, bullmqChaos } from "./bullmq-chaos.ts";
import type { Goal, Report, Table } from "./report.ts";
import type { Stage } from "./stage.ts";

type Round = Readonly<{ seed: number; ours: Outcome; bullmq: BullmqOutcome }>;

/** The chaos suite, and BullMQ in the same storm: what is lost, what runs twice, and how long a crash holds a job up. */
export async function chaos({ rounds = 3, minutes = 2, note }: Stage): Promise<Report> {
  const done: Round[] = [];
  for (let seed = 1; seed <= rounds; seed += 1) {
    const options: ChaosOptions = { ...chaosDefaults, seed, durationMs: minutes * 60_000, note: () => undefined };
    note(`seed ${seed}: ours, ${minutes} minutes`);
    const ours = await runChaos(options);
    for (const [rule, cases] of Object.entries(ours.faulty)) for (const one of cases) note(`${rule}: ${one}`);
    note(`seed ${seed}: BullMQ, ${minutes} minutes`);
    done.push({ seed, ours, bullmq: await bullmqChaos(options) });
  }
  return { text: text(minutes), tables: [sideBySide(done), recoveries(done), faults(done)], goals: goals(done) };
}

const text = (minutes: number): string =>
  `${minutes} minutes a seed: five runners on one redis-server (append-only file, synced by the kernel), leases of
${chaosDefaults.leaseMs / 1000} s, a fault about each second, a job about each ${chaosDefaults.jobEveryMs / 1000} s of 0.2 to 15 s. Ours has two APIs and half of its runners on
HTTP through the bridge, which suffer too; BullMQ is used as a person would: a worker runs the program for its job detached,
\`lockDuration\` and \`stalledInterval\` as long as our lease, all over TCP. Both run the same script in Claude's place, with the
same schedule of kills, stops, lost links and Redis restarts. *Overlapping* is two processes of one job alive at the
same time; *repeated* is work that was done and is done once more afterwards, because nobody learned of it.`;

function sideBySide(rounds: readonly Round[]): Table {
  const row = (name: string, seed: number, one: Pick<Outcome, "jobs" | "starts" | "repeated" | "faults">) => [
    `${name}, seed ${seed}`,
    String([...one.faults.values()].reduce((sum, { done }) => sum + done, 0)),
    ...[one.jobs, one.starts].map(String),
  ];
  return {
    head: ["", "faults", "jobs", "starts", "lost", "overlapping (longest, s)", "repeated"],
    rows: rounds.flatMap(({ seed, ours, bullmq }) => [
      [
        ...row("ours", seed, ours),
        ...[countOf(ours, "lost"), countOf(ours, "overlapping runs"), ours.repeated].map(String),
      ],
      [
        ...row("BullMQ", seed, bullmq),
        String(bullmq.lost),
        `${bullmq.overlaps} (${(bullmq.longestOverlapMs / 1000).toFixed(1)})`,
        String(bullmq.repeated),
      ],
    ]),
  };
}

const recoveries = (rounds: readonly Round[]): Table => ({
  head: ["kill -9 of a runner, until its job runs again", "ms, each time"],
  rows: [
    ["it is started again", rounds.flatMap(({ ours }) => ours.recovery.restarted).join(", ")],
    ["it stays away", rounds.flatMap(({ ours }) => ours.recovery.gone).join(", ")],
  ],
});

const faults = (rounds: readonly Round[]): Table => {
  const kinds = [...new Set(rounds.flatMap(({ ours }) => [...ours.faults.keys()]))];
  const sum = (counts: readonly FaultCounts[], kind: (typeof kinds)[number]) =>
    String(counts.reduce((all, each) => all + (each.get(kind)?.done ?? 0), 0));
  return {
    head: ["all seeds", "ours", "BullMQ"],
    rows: kinds.map((kind) => [
      kind,
      sum(
        rounds.map(({ ours }) => ours.faults),
        kind,
      ),
      sum(
        rounds.map(({ bullmq }) => bullmq.faults),
        kind,
      ),
    ]),
  };
};

const countOf = ({ faulty }: Outcome, rule: string): number => faulty[rule]?.length ?? 0;

function goals(rounds: readonly Round[]): readonly Goal[] {
  const rules = Object.keys(rounds[0]?.ours.faulty ?? {});
  const worst = (times: readonly number[]) => Math.max(0, ...times) / 1000;
  return [
    ...rules.map((what) => ({
      what: `chaos: ${what}`,
      limit: 0,
      reached: rounds.reduce((sum, { ours }) => sum + countOf(ours, what), 0),
    })),
    {
      what: "chaos: recovery with a restart, worst",
      limit: 5,
      reached: worst(rounds.flatMap(({ ours }) => ours.recovery.restarted)),
      unit: "s",
    },
    {
      what: "chaos: recovery without one, worst",
      limit: chaosDefaults.leaseMs / 1000 + 10,
      reached: worst(rounds.flatMap(({ ours }) => ours.recovery.gone)),
      unit: "s",
    },
  ];
}
