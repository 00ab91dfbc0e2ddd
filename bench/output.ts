import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "./machine.ts";
import { figure, type Report, spreadText } from "./report.ts";
import { fakeClaude, type Ran, runJob, serve, waitForJob } from "./served.ts";
import type { Stage } from "./stage.ts";
import { interleave, ratioOf, spreadOf } from "./statistics.ts";
import { writePayload } from "./stream-json.ts";

const megabytes = 400;
const mega = 1_000_000;
/** What was left by the job before is collected by then, or it stays. */
const settleMs = 5_000;

/** A job whose Claude prints without end, beside `cat` of the same bytes. */
export async function output({ folder, rounds = 5, note }: Stage): Promise<Report> {
  note(`making ${megabytes} MB of stream-json`);
  const payload = join(folder, "payload.jsonl");
  writePayload(payload, megabytes * mega);
  const printer = join(folder, "claude-prints");
  copyFileSync(fakeClaude, printer);
  await run("sh", ["-c", 'cat "$1" >>"$0"', printer, payload]);
  chmodSync(printer, 0o755);
  await using served = await serve(join(folder, "home"), { AGENTICORE_CLAUDE_BINARY: printer });
  await sleep(settleMs);
  const idle = memoryOf(served.pid, "VmRSS") / mega;
  const peaks: { job: number[]; followed: number[] } = { job: [], followed: [] };
  const peakOf = async (kept: number[], job: Promise<Pick<Ran, "endedMs">>): Promise<number> => {
    const { endedMs } = await job;
    kept.push(memoryOf(served.pid, "VmHWM") / mega);
    return endedMs;
  };
  const times = await interleave(
    {
      cat: () => timed(() => run("sh", ["-c", 'cat "$0" >"$1"', payload, join(folder, "copy.jsonl")])),
      job: () => peakOf(peaks.job, waitForJob(served, { task: "bench: print" })),
      followed: () => peakOf(peaks.followed, runJob(served, { task: "bench: print" })),
    },
    {
      rounds,
      onRound: (round) => note(`round ${round + 1} of ${rounds}`),
      between: async () => {
        rmSync(join(folder, "copy.jsonl"), { force: true });
        await sleep(settleMs);
        forgetPeak(served.pid);
      },
    },
  );
  const above = (values: readonly number[]) => values.map((peak) => peak - idle);
  const row = (name: string, side: "job" | "followed") => [
    name,
    ...[peaks[side], above(peaks[side]), times[side]].map((values) => spreadText(spreadOf(values))),
    spreadText(ratioOf(times[side], times.cat)),
  ];
  return {
    text: [
      `A job whose Claude prints ${megabytes} MB of stream-json (text, tool calls, results of tools, in lines of 0.2 to 20 KB) as`,
      "fast as it can, through the whole path: namespace, output file, tail, parser, redaction, events, store. Nobody looks on,",
      "or somebody follows the events as they come. Memory is that of the process of `agenticore serve`, API and runner in one:",
      "the highest while the job ran (`VmHWM`, reset before), and how much that is above what was resident before the first job",
      `(${figure(idle)} MB). Times are from submission to the job's end; beside it \`cat\` of the same bytes into a file. Median`,
      "(least-most).",
    ].join("\n"),
    tables: [
      {
        head: [`${rounds} rounds`, "peak, MB", "above idle, MB", "ms", "times `cat`"],
        rows: [
          row("job", "job"),
          row("job, followed", "followed"),
          ["`cat`", "", "", spreadText(spreadOf(times.cat)), "1"],
        ],
      },
    ],
    goals: [
      {
        what: "peak memory above idle",
        limit: 60,
        reached: spreadOf(above([...peaks.job, ...peaks.followed])).max,
        unit: "MB",
      },
    ],
  };
}

async function timed(act: () => Promise<void>): Promise<number> {
  const at = performance.now();
  await act();
  return performance.now() - at;
}

/** Makes `VmHWM` begin anew (proc(5), clear_refs). */
const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

async function run(command: string, args: readonly string[]): Promise<void> {
  const [code] = await once(spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] }), "exit");
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}
