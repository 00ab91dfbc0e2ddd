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
  const script = changed(place, "\nchild=$inner_PID\n", "\nsleep 0.5\nchild=$inner_PID\n");
  const child = startWarden(place, { script, inner: "echo no such luck >&2; exit 1" });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(readFileSync(join(place.runDir, "warden.log"), "utf8")).toBe("no such luck\n");
  expect(exitOf(place)).toMatchObject({ reason: "failed" });
});

test("a line that reaches the warden in two of its turns is heard as it was said, also where its end was lost", async () => {
  using place = aPlace();
  const turns = join(place.tmp, "turns");
  const said = '\n  while lives "$child" "$child_start"; do\n';
  const script = changed(place, said, `${said}    echo "$soft $hard" >>'${turns}'\n`);
  const child = startWarden(place, { script, inner: livesOn });
  const lifeline = child.stdin as Writable;
  const seen = () => (existsSync(turns) ? readFileSync(turns, "utf8").trimEnd().split("\n") : []);
  const aTurn = async () => {
    const until = seen().length + 2;
    await eventually(() => seen().length >= until || child.exitCode !== null, { what: "a turn is over" });
  };
  const farther = Math.floor(clock.uptime() / 10) + 100_000;
  const length = `grant ${farther} ${farther} .`.length;
  lifeline.write("look .\n"); // a turn every hundredth of a second, for two seconds
  for (let at = 1; at <= length; at += 1) {
    const [soft, hard] = [farther + at, farther + 2 * at];
    const line = `grant ${soft} ${hard} .`;
    lifeline.write(line.slice(0, at));
    await aTurn();
    lifeline.write(at === length ? "" : `${line.slice(at)}\n`);
    await eventually(() => seen().at(-1) === `${soft} ${hard}` || child.exitCode !== null, { what: "it is heard" });
    expect(seen().at(-1), `cut at ${at}`).toBe(`${soft} ${hard}`);
    if (at % 8 === 0) lifeline.write("look .\n");
  }
  lifeline.write("kill .");
  expect(await once(child, "close")).toEqual([0, null]);
  expect(exitOf(place)).toMatchObject({ reason: "killed", code: null });
});

/** The warden with a few words changed. */
function changed(place: Place, from: string, to: string): string {
  const text = readFileSync(warden, "utf8");
  const other = text.replace(from, () => to);
  expect(other).not.toBe(text);
  const script = join(place.tmp, "warden.sh");
  writeFileSync(script, other);
  return script;
}

/** In the place of a command that runs until it is killed. */
const livesOn = `
  read -r stat <"/proc/$$/stat"
  set -- \${stat##*) }
  echo "ready $$ \${20}"
  read -r go
  echo "running $$"
  while :; do sleep 0.05; done`;

type Started = Readonly<{ inner: string; script?: string }>;

/** A warden with a shell in the place of job-init.sh; SIGKILL is due in a minute, when the test has failed. */
function startWarden(place: Place, { inner, script = warden }: Started) {
  const until = String(Math.floor((clock.uptime() + 60_000) / 10));
  const args = [script, crypto.randomUUID(), "1", place.runDir, until, until, "job-init.sh", "bash", "-c", inner];
  return spawn("bash", args, {
    stdio: ["pipe", "ignore", "ignore", "pipe", "pipe", "pipe"],
    timeout: 15_000,
  });
}

const exitOf = (place: Place): unknown => JSON.parse(readFileSync(join(place.runDir, "exit.json"), "utf8"));
