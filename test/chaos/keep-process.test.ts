import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { keepProcess } from "./keep-process.ts";

/** A program that says when it starts, and when it was asked to end. */
const script = "trap 'echo asked; exit 0' TERM; echo up; while :; do read -t 0.05 <> <(:); done";

function kept(program = script) {
  const folder = mkdtempSync(join(tmpdir(), "ac-keep-"));
  const one = keepProcess({
    name: "one",
    argv: ["/bin/bash", "-c", program],
    env: { PATH: process.env["PATH"] ?? "" },
    log: join(folder, "log"),
  });
  const starts = (count: number) => eventually(() => one.said().split("up\n").length > count);
  return {
    one,
    starts,
    [Symbol.asyncDispose]: async () => {
      await one[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
const stateOf = (pid: number | undefined) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];

test("what is killed or drained is started again, and only an end that nobody asked for is a surprise", async () => {
  await using process = kept();
  const { one, starts } = process;
  await starts(1);
  expect(one.kill({ awayMs: 10 })).toBe(true);
  await starts(2);
  expect(one.kill({ awayMs: 10, group: true })).toBe(true);
  await starts(3);
  expect(one.drain({ awayMs: 10 })).toBe(true);
  await starts(4);
  expect(one.said()).toContain("asked");
  expect(one.surprises()).toEqual([]);

  await using other = kept("echo up; exit 3");
  await other.starts(2);
  expect(other.one.surprises()[0]).toBe("one ended with 3");
});

test("who is stopped goes on by itself, and meanwhile nothing else is done to it", async () => {
  await using process = kept();
  const { one, starts } = process;
  await starts(1);
  expect(one.pause(300)).toBe(true);
  await eventually(() => stateOf(one.pid()) === "T");
  expect(one.atPeace()).toBe(false);
  expect(one.kill({ awayMs: 10 })).toBe(false);
  await eventually(() => one.atPeace() && stateOf(one.pid()) !== "T");
});

test("a kept process is gone with its keeper, also while it is away", async () => {
  const process = kept();
  await process.starts(1);
  const pid = process.one.pid();
  await process[Symbol.asyncDispose]();
  expect(() => stateOf(pid)).toThrow();
});
