import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { expect, test } from "vitest";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { eventually } from "../../support/eventually.ts";
import { aPlace, type Place } from "./a-tree.ts";

const warden = join(import.meta.dirname, "../../../runner/process/warden.sh");

test("a warden that comes late to note what it has started ends with it, and says why", async () => {
  using place = aPlace();
  const text = readFileSync(warden, "utf8");
  const late = text.replace("\nchild=$inner_PID\n", "\nsleep 0.5\nchild=$inner_PID\n");
  expect(late).not.toBe(text);
  const script = join(place.tmp, "warden.sh");
  writeFileSync(script, late);
  const child = startWarden(place, { script, inner: "echo no such luck >&2; exit 1" });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(readFileSync(join(place.runDir, "warden.log"), "utf8")).toBe("no such luck\n");
  expect(exitOf(place)).toMatchObject({ reason: "failed" });
});

test("a word whose halves reach the warden in two of its turns is heard", async () => {
  using place = aPlace();
  const termed = join(place.tmp, "termed");
  const inner = `
    trap 'touch ${termed}' TERM
    read -r stat <"/proc/$$/stat"
    set -- \${stat##*) }
    echo "ready $$ \${20}"
    read -r go
    echo "running $$"
    while :; do sleep 0.05; done`;
  const child = startWarden(place, { inner, softMs: 500 });
  const lifeline = child.stdin as Writable;
  lifeline.write("ki");
  await eventually(() => existsSync(termed), { what: "a turn is over: SIGTERM was due in it" });
  lifeline.write("ll\n");
  expect(await once(child, "close")).toEqual([0, null]);
  expect(exitOf(place)).toMatchObject({ reason: "expired", code: null });
});

type Started = Readonly<{ inner: string; script?: string; softMs?: number }>;

/** A warden with a shell in the place of job-init.sh; SIGKILL is due in a minute, when the test has failed. */
function startWarden(place: Place, { inner, script = warden, softMs = 60_000 }: Started) {
  const [soft, hard] = [softMs, 60_000].map((ms) => String(Math.floor((clock.uptime() + ms) / 10)));
  const args = [script, crypto.randomUUID(), "1", place.runDir, soft, hard, "job-init.sh", "bash", "-c", inner];
  return spawn("bash", args as string[], {
    stdio: ["pipe", "ignore", "ignore", "pipe", "pipe", "pipe"],
    timeout: 15_000,
  });
}

const exitOf = (place: Place): unknown => JSON.parse(readFileSync(join(place.runDir, "exit.json"), "utf8"));
