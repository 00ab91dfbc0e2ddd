import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuOf, memoryOf } from "./machine.ts";
import { figure, type Report } from "./report.ts";
import { program, servedEnv } from "./served.ts";
import type { Stage } from "./stage.ts";

const seconds = 60;
const settleMs = 10_000;
const commands = ["serve", "runner"] as const;

/** A server and a runner that have nothing to do, for a minute. */
export async function idle({ folder, note }: Stage): Promise<Report> {
  note("starting them once before");
  for (const command of commands) await (await startIn(join(folder, "before"), command)).end();
  note(`watching \`serve\` and \`runner\` for ${seconds} s`);
  const watched = await Promise.all(commands.map(async (command) => await watch(join(folder, command), command)));
  return {
    text: [
      `A server (API and runner in one process) and a runner alone, started from the checkout with stores of their own,`,
      `${seconds} s without a job or a request. Memory is what is resident at the end, CPU what the process and its children used (proc(5)).`,
    ].join("\n"),
    tables: [
      {
        head: [`idle for ${seconds} s`, "memory, MB", "CPU, % of one core"],
        rows: watched.map(({ command, memory, cpu }) => [`\`agenticore ${command}\``, figure(memory), figure(cpu)]),
      },
    ],
    goals: watched.flatMap(({ command, memory, cpu }) => [
      { what: `${command}: memory`, limit: 110, reached: memory, unit: "MB" },
      { what: `${command}: CPU`, limit: 0.5, reached: cpu, unit: "%" },
    ]),
  };
}

async function watch(home: string, command: (typeof commands)[number]) {
  const { pid, end } = await startIn(home, command);
  await sleep(settleMs);
  const [before, at] = [cpuOf(pid), performance.now()];
  await sleep(seconds * 1_000);
  const cpu = (100 * (cpuOf(pid) - before)) / (performance.now() - at);
  const memory = memoryOf(pid, "VmRSS") / 1_000_000;
  await end();
  return { command, cpu, memory };
}

async function startIn(home: string, command: string) {
  mkdirSync(home, { recursive: true });
  const child: ChildProcess = spawn(process.execPath, [program, command], {
    env: servedEnv(home, { AGENTICORE_LOG_LEVEL: "info" }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  let said = "";
  await new Promise<void>((ready, failed) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk;
      if (said.includes("runner ready")) ready();
    });
    exited.then(() => failed(new Error(`agenticore ${command} ended: ${said}`)), failed);
  });
  return {
    pid: child.pid ?? 0,
    end: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
