import { spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import { cpuOfTree } from "../../runner/process/tree-cpu.ts";
import { watchStall } from "../../runner/watch-stall.ts";
import type { Clock } from "../../shared/clock.ts";
import { eventually } from "../support/eventually.ts";

type At = Readonly<{ ms: number; bytes?: number; cpuMs?: number }>;

/** Plays what is seen at each look, a tenth of the limit of 100 s apart; how long each sleep takes may be given. */
async function stalls(looks: readonly At[]): Promise<number> {
  const over = new AbortController();
  let at = -1;
  let found = 0;
  const now = () => looks[Math.max(0, at)] ?? { ms: 0 };
  const clock = {
    uptime: () => now().ms,
    sleep: async () => {
      if (++at >= looks.length - 1) over.abort();
    },
  } as unknown as Clock;
  at = 0;
  const seen = { traffic: async () => now().bytes ?? 0, cpu: () => now().cpuMs ?? 0, onStall: () => void found++ };
  await watchStall({ limitMs: 100_000, over: over.signal, ...seen }, clock);
  return found;
}
const looks = (count: number, each: (at: number) => Omit<At, "ms"> = () => ({})): At[] =>
  Array.from({ length: count }, (_, at) => ({ ms: at * 10_000, ...each(at) }));

test("nothing for the whole limit is a stall, and nothing for another one is another", async () => {
  expect(await stalls(looks(10))).toBe(0);
  expect(await stalls(looks(12))).toBe(1);
  expect(await stalls(looks(23))).toBe(2);
});

test("bytes that come, or 2 % of a core over the limit, are none", async () => {
  expect(await stalls(looks(40, (at) => ({ bytes: Math.floor(at / 9) })))).toBe(0);
  expect(await stalls(looks(40, (at) => ({ cpuMs: at * 300 })))).toBe(0);
  expect(await stalls(looks(40, (at) => ({ cpuMs: at * 100 })))).toBeGreaterThan(1);
});

test("a time in which the machine slept is not one in which nothing happened", async () => {
  const slept = looks(12).map((look, at) => (at > 6 ? { ...look, ms: look.ms + 3_600_000 } : look));
  expect(await stalls(slept)).toBe(0);
});

test("the CPU time of a tree has that of grandchildren and of what has ended in it", async () => {
  const burn = "end=$((SECONDS+2)); while [ $SECONDS -lt $end ]; do :; done";
  const child = spawn("bash", ["-c", `bash -c '(${burn}); sleep 60' & wait`], { detached: true });
  onTestFinished(() => void process.kill(-(child.pid ?? 0), "SIGKILL"));
  const used = () => cpuOfTree(child.pid ?? 0);
  const most = await eventually(() => (used() > 400 ? used() : undefined));
  await eventually(() => spawnedSleep(child.pid ?? 0));
  expect(used()).toBeGreaterThanOrEqual(most);
  expect(cpuOfTree(2 ** 30)).toBe(0);
});

/** It has come to its last command: no CPU is used any more. */
const spawnedSleep = async (pid: number): Promise<boolean> => {
  const before = cpuOfTree(pid);
  await new Promise((done) => setTimeout(done, 200));
  return cpuOfTree(pid) === before;
};
