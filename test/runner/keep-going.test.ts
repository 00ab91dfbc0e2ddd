import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keepGoing, nudges } from "../../runner/keep-going.ts";
import { eventually } from "../support/eventually.ts";
import { fakeClock } from "../support/fake-clock.ts";

test("as long as a person is waited for nothing is a stall; after the answer the time begins anew", async () => {
  const runDir = mkdtempSync(join(tmpdir(), "ac-keep-going-"));
  onTestFinished(() => rmSync(runDir, { recursive: true, force: true }));
  const clock = fakeClock();
  const over = new AbortController();
  const told: string[] = [];
  let asks = true;
  keepGoing(
    {
      ...{ stallSeconds: 100, runDir, pid: 0, heard: () => 0, over: over.signal, waits: () => asks },
      ...{ nudge: (text) => void told.push(text), stop: () => undefined, warn: () => undefined },
    },
    clock,
  );
  const tenSeconds = async () => {
    await eventually(() => clock.sleepers() === 1, { what: "it has looked" });
    clock.advance(10_000);
  };
  for (let n = 0; n < 30; n += 1) await tenSeconds();
  expect(told).toEqual([]);
  asks = false;
  for (let n = 0; n < 9; n += 1) await tenSeconds();
  expect(told).toEqual([]);
  for (let n = 0; n < 3; n += 1) await tenSeconds();
  await eventually(() => told.length > 0, { what: "it is told" });
  expect(told).toEqual([nudges.stalled]);
  over.abort();
});
