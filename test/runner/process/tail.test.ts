import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepRecord, readTail } from "../../../runner/process/keep-record.ts";
import type { Line } from "../../../runner/process/split-lines.ts";
import { type TailOptions, tailLines } from "../../../runner/process/tail.ts";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { eventually, standIn } from "./a-tree.ts";

const mib = 1024 ** 2;

/** A folder with the two files that a job writes to; `run` starts a writer whose standard output is the first. */
function aRun() {
  const dir = mkdtempSync("/var/tmp/tail-");
  const out = join(dir, "out");
  const err = join(dir, "err");
  for (const path of [out, err]) writeFileSync(path, "");
  const run = (command: string, args: readonly string[]) => {
    const fd = openSync(out, "a");
    const child = spawn(command, args, { stdio: ["ignore", fd, "ignore"] });
    closeSync(fd);
    return { child, ended: once(child, "exit") };
  };
  return { dir, out, err, run, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

const options = (err: string, ended: Promise<unknown>, more: Partial<TailOptions> = {}): TailOptions => ({
  ended,
  clock,
  beside: err,
  ...more,
});

async function linesOf(path: string, given: TailOptions): Promise<Line[]> {
  const all: Line[] = [];
  for await (const lines of tailLines(path, given)) all.push(...lines);
  return all;
}

test("each line comes once and in order, also the last one without a newline", async () => {
  using run = aRun();
  const { ended } = run.run("/bin/bash", ["-c", 'for i in {1..50}; do echo "$i"; sleep 0.002; done; printf end']);
  const lines = await linesOf(run.out, options(run.err, ended));
  expect(lines.map(({ text }) => text)).toEqual([...Array.from({ length: 50 }, (_, i) => String(i + 1)), "end"]);
});

test("lines come while the writer still writes", async () => {
  using run = aRun();
  const { ended, child } = run.run("/bin/bash", ["-c", "echo first; read -r -t 30 < <(sleep 30)"]);
  for await (const [line] of tailLines(run.out, options(run.err, ended))) {
    expect(line?.text).toBe("first");
    expect(child.exitCode).toBe(null);
    break;
  }
  child.kill("SIGKILL");
  await ended;
});

test("a quick writer loses no line while the file's space is given back behind the reader", async () => {
  using run = aRun();
  const { ended } = run.run("/bin/bash", ["-c", "seq -f '%012.0f and some more text to fill the disk with' 1 2000000"]);
  let next = 1;
  let most = 0;
  for await (const lines of tailLines(run.out, options(run.err, ended, { cutBytes: 2 * mib }))) {
    for (const { text } of lines) {
      if (Number(text.slice(0, 12)) !== next++) throw new Error(`after ${next - 2} came ${text}`);
    }
    most = Math.max(most, statSync(run.out).blocks * 512);
  }
  expect(next).toBe(2_000_001);
  expect(statSync(run.out).size).toBe(
    2_000_000 * `${"0".repeat(12)} and some more text to fill the disk with\n`.length,
  );
  expect(statSync(run.out).blocks * 512).toBeLessThan(9 * mib);
  await keepRecord(run.dir, "out");
  expect(readFileSync(`${run.out}.head`, "utf8")).toMatch(/^000000000001 and/);
  expect(statSync(`${run.out}.head`).size).toBe(mib);
  expect(readFileSync(`${run.out}.tail`, "utf8")).toMatch(/000002000000 and some more text to fill the disk with\n$/);
  expect(statSync(`${run.out}.tail`).size).toBe(4 * mib);
  expect(await readTail(run.dir, "out", 10)).toBe("disk with\n");
});

test("one line of 100 MB keeps its ends and its type, and its neighbours are whole", async () => {
  using run = aRun();
  const { ended } = run.run(standIn("claude-big-line"), []);
  const lines = await linesOf(run.out, options(run.err, ended));
  expect(lines.map(({ type, dropped }) => [type, dropped > 0])).toEqual([
    [undefined, false],
    ["user", true],
    [undefined, false],
  ]);
  const [, big] = lines as [Line, Line];
  expect(big.text.length).toBeLessThanOrEqual(mib + 100);
  expect(big.dropped + mib).toBe(100_000_000 + '{"type":"user","message":""}'.length);
  expect(big.text).toMatch(/^\{"type":"user","message":"x+…\[\d+ bytes dropped\]…x+"\}$/);
});

test("bytes that are no text pass, and what follows them is read", async () => {
  using run = aRun();
  const { ended } = run.run(standIn("claude-garbage"), ["3000000"]);
  const lines = await linesOf(run.out, options(run.err, ended));
  expect(lines.at(-1)?.text).toBe('{"type":"result","subtype":"success","is_error":false}');
  expect(lines.some(({ text }) => text.includes("\uFFFD"))).toBe(true);
});

test("a leaked process that goes on writing does not hold up the end", async () => {
  using run = aRun();
  const { ended } = run.run("/bin/bash", ["-c", "echo done"]);
  await ended;
  const leaked = run.run("/bin/bash", ["-c", "while :; do echo more; done"]);
  const asked = clock.uptime();
  const lines = await linesOf(run.out, options(run.err, ended));
  expect(lines[0]?.text).toBe("done");
  expect(clock.uptime() - asked).toBeLessThan(5_000);
  leaked.child.kill("SIGKILL");
  await leaked.ended;
});

test.each(["out", "err"] as const)("more than the quota in %s is output_limit", async (name) => {
  using run = aRun();
  const never = new Promise(() => undefined);
  const tail = linesOf(run.out, options(run.err, never, { quotaBytes: 3 * mib }));
  appendFileSync(run[name], Buffer.alloc(4 * mib, "line of output\n"));
  await expect(tail).rejects.toMatchObject({ code: "output_limit" });
});

test("a job that shortens its own output neither stops the reader nor escapes the quota", async () => {
  using run = aRun();
  const never = new Promise(() => undefined);
  const seen: string[] = [];
  const tail = (async () => {
    for await (const lines of tailLines(run.out, options(run.err, never, { quotaBytes: 3 * mib }))) {
      seen.push(...lines.map(({ text }) => text.slice(0, 20)));
    }
  })();
  const failed = expect(tail).rejects.toMatchObject({ code: "output_limit" });
  for (const round of ["one", "two", "three"]) {
    appendFileSync(run.out, `${round}\n${"x".repeat(1.5 * mib)}\n`);
    await eventually(round, () => seen.length >= 2 && seen.at(-2) === round, 2_000).catch(() => undefined);
    truncateSync(run.out, 0);
    await clock.sleep(150); // the reader looks at the size at least every 100 ms
  }
  await failed;
  expect(seen).toContain("two");
});

const line = JSON.stringify({ type: "assistant", message: { content: "x".repeat(154) } });

test.each([
  ["400 MB of output", `yes '${line}' | head -n 2000000`, { assistant: 2_000_000 }],
  ["one line of 100 MB", standIn("claude-big-line"), { system: 1, user: 1, result: 1 }],
])("%s grows the reader by less than 60 MB", { timeout: 60_000 }, async (_, command, types) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../fixtures/tail-much.ts"), command]);
  let told = "";
  child.stdout.on("data", (data) => {
    told += String(data);
  });
  await once(child, "close");
  const cost = JSON.parse(told);
  expect(cost.types).toEqual(types);
  expect(cost.grownBytes).toBeLessThan(60e6);
});
