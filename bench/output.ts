import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "./machine.ts";
import { type Report, spreadText } from "./report.ts";
import { fakeClaude, runJob, serve } from "./served.ts";
import type { Stage } from "./stage.ts";
import { interleave, ratioOf, spreadOf } from "./statistics.ts";
import { writePayload } from "./stream-json.ts";

const megabytes = 400;
const mega = 1_000_000;

/** A job whose Claude prints without end, beside `cat` of the same bytes. */
export async function output({ folder, rounds = 5, note }: Stage): Promise<Report> {
  note(`making ${megabytes} MB of stream-json`);
  const payload = join(folder, "payload.jsonl");
  writePayload(payload, megabytes * mega);
  const printer = join(folder, "claude-prints");
  copyFileSync(fakeClaude, printer);
  await run("sh", ["-c", 'cat "$1" >>"$0"', printer, payload]);
  chmodSync(printer, 0o755);
  const idle: number[] = [];
  const peaks: number[] = [];
  const above: number[] = [];
  await using served = await serve(join(folder, "home"), { AGENTICORE_CLAUDE_BINARY: printer });
  note("a first small job");
  await runJob(served, { task: "bench: end" });
  const times = await interleave(
    {
      cat: async () => {
        const at = performance.now();
        await run("sh", ["-c", 'cat "$0" >"$1"', payload, join(folder, "copy.jsonl")]);
        const ms = performance.now() - at;
        rmSync(join(folder, "copy.jsonl"));
        return ms;
      },
      job: async () => {
        await sleep(3_000); // what the job before left is collected, or it is not: this is what idle means
        const before = memoryOf(served.pid, "VmRSS");
        forgetPeak(served.pid);
        const { endedMs, startedMs, events } = await runJob(served, { task: "bench: print" });
        if (events.at(-1)?.type !== "job.succeeded")
          throw new Error(`the job ended as ${JSON.stringify(events.at(-1))}`);
        const peak = memoryOf(served.pid, "VmHWM");
        idle.push(before / mega);
        peaks.push(peak / mega);
        above.push((peak - before) / mega);
        return endedMs - startedMs;
      },
    },
    { rounds, onRound: (round) => note(`round ${round + 1} of ${rounds}`) },
  );
  const row = (name: string, values: readonly number[]) => [name, spreadText(spreadOf(values))];
  return {
    text: [
      `A job whose Claude prints ${megabytes} MB of stream-json (text, tool calls, results of tools, in lines of 0.2 to 20 KB) as fast as it can,`,
      "through the whole path: namespace, output file, tail, parser, events, store. Memory is that of the process of",
      "`agenticore serve`, API and runner in one: resident before the job, and the highest while it ran (`VmHWM`, reset before).",
      "The time is from Claude's start to the job's end; beside it `cat` of the same bytes into a file. Median (least-most).",
    ].join("\n"),
    tables: [
      {
        head: [`${rounds} rounds`, "MB or ms"],
        rows: [
          row("idle, MB", idle),
          row("peak, MB", peaks),
          row("peak above idle, MB", above),
          row("job, ms", times.job),
          row("cat, ms", times.cat),
          ["job, times cat", spreadText(ratioOf(times.job, times.cat))],
        ],
      },
    ],
    goals: [{ what: "peak memory above idle", limit: 60, reached: spreadOf(above).max, unit: "MB" }],
  };
}

/** Makes `VmHWM` begin anew (proc(5), clear_refs). */
const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

async function run(command: string, args: readonly string[]): Promise<void> {
  const [code] = await once(spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] }), "exit");
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}
