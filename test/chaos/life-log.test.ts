import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { fakeClaude } from "./fake-claude.ts";
import { overlapsOf, readLives, repeatedWork } from "./life-log.ts";

const line = (what: string, [job, fence, life]: readonly [string, number, string], ms: number) =>
  `${what} ${job} ${fence} ${life} ${1_700_000_000_000_000 + ms * 1000}`;
const first = ["job-a", 1, "1.1.1"] as const;
const second = ["job-a", 2, "2.2.2"] as const;
const other = ["job-b", 1, "3.3.3"] as const;
const lives = (...lines: readonly string[]) => readLives(lines.join("\n"));

test("two processes of one job that live at the same time are found, and for how long", () => {
  const found = overlapsOf(
    lives(line("S", first, 0), line("B", first, 900), line("S", second, 400), line("B", second, 2_000)),
  );
  expect(found).toMatchObject([{ job: "job-a", ms: 500 }]);
});

test("a beat of a process that was taken for dead, behind a later start, is an overlap", () => {
  const found = overlapsOf(
    lives(line("S", first, 0), line("S", second, 400), line("B", second, 450), line("B", first, 401)),
  );
  expect(found).toMatchObject([{ ms: 1 }]);
});

test("a process that lives through all of another one overlaps it, also two of the same attempt", () => {
  const again = ["job-a", 1, "9.9.9"] as const;
  const both = lives(line("S", first, 0), line("S", again, 10), line("B", again, 20), line("B", first, 30));
  expect(overlapsOf(both)).toHaveLength(1);
});

test("processes one behind the other, and of two jobs, are no overlap", () => {
  const found = lives(
    ...[line("S", first, 0), line("B", first, 50), line("S", other, 20), line("B", other, 300)],
    ...[line("S", second, 51), line("E", second, 90)],
  );
  expect(overlapsOf(found)).toEqual([]);
});

test("work that is begun again when it was done is counted, once for each start; what was broken off is not", () => {
  const third = ["job-a", 3, "4.4.4"] as const;
  const broken = [line("S", first, 0), line("B", first, 50)];
  const done = [line("S", second, 100), line("E", second, 200)];
  expect(repeatedWork(lives(...broken, ...done))).toBe(0);
  expect(repeatedWork(lives(...broken, ...done, line("S", third, 300), line("E", third, 400)))).toBe(1);
});

test("half a line is no line", () => {
  const half = line("B", second, 800);
  expect(lives(line("S", first, 0), half.slice(0, -1), "S job-a", "")).toMatchObject([{ id: "1.1.1", lastAt: 1.7e12 }]);
});

test("the fake Claude tells of its start, its beats and its end, and goes on when its input ends too early", async () => {
  using fake = startFake();
  fake.stdin.end(taskLine("beats=4"));
  expect(await fake.ended).toBe(0);

  const text = fake.life();
  expect(text.match(/^[SBE]/gm)).toEqual(["S", "B", "B", "B", "B", "E"]);
  const [life] = readLives(text);
  expect(life).toMatchObject({ job: "job-a", fence: 7 });
  expect(Number(life?.doneAt) - Number(life?.startedAt)).toBeGreaterThan(190);
  expect(life?.said).toBe(1);
  expect(fake.said()).toContain('"text":"7:0"');
  expect(fake.said()).toContain('"subtype":"success"');
});

test("the fake Claude takes up a message whose halves come in two of its beats, and one whose end was lost", async () => {
  using fake = startFake();
  const id = "0b5f2a4e-3f0c-4a86-9d0e-6c1f5b7a9e21";
  const message = `${JSON.stringify({ type: "user", message: { content: "And mind this." }, uuid: id })}\n`;
  const beats = () => fake.life().match(/^B/gm)?.length ?? 0;
  fake.stdin.write(`${taskLine("beats=2")}${message.slice(0, 9)}`);
  await eventually(() => beats() > 2, { what: "it waits for the other half" });
  fake.stdin.write(message.slice(9, -1));
  await eventually(() => fake.said().includes(`"isReplay":true,"uuid":"${id}"`), { what: "it is taken up" });
  fake.stdin.end();
  expect(await fake.ended).toBe(0);
});

const taskLine = (content: string) => `${JSON.stringify({ type: "user", message: { content } })}\n`;

/** The fake Claude as a runner starts it, for attempt 7 of job-a. */
function startFake() {
  const folder = mkdtempSync(join(tmpdir(), "ac-life-"));
  const log = join(folder, "life");
  const env = { PATH: process.env["PATH"], CHAOS_LIFE: log, AGENTICORE_JOB_ID: "job-a", AGENTICORE_FENCE: "7" };
  const child = spawn(fakeClaude, { env, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk));
  return {
    stdin: child.stdin,
    ended: new Promise((done) => child.once("close", done)),
    said: () => said,
    life: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
    [Symbol.dispose]: () => {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
