import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { processesBelow } from "./home-processes.ts";
import { killProcessesWith } from "./leftovers.ts";
import { scratch } from "./sample-repo.ts";

/**
 * Plays a server that starts, each in a clean environment, a git of its own, the warden of a job with a child, and the
 * warden of the sandbox's trial; `job` has let go of its warden.
 */
const server = `
clean() { env -i HERE="$HERE" "$@" & }
clean sh -c 'echo $$ >"$HERE/git"; exec sleep 900'
clean bash "$HERE/runner/process/warden.sh" 0b8f child
clean bash "$HERE/runner/process/warden.sh" probe trial
wait`;
const warden = `echo $$ >"$HERE/warden-$1"; sh -c 'echo $$ >"$HERE/$0"; exec sleep 900' "$2" & wait`;

test("a job's processes are told from its server's own by who started them, and orphans are the job's", async () => {
  using folder = scratch();
  const HERE = folder.path;
  mkdirSync(join(HERE, "runner/process"), { recursive: true });
  writeFileSync(join(HERE, "runner/process/warden.sh"), warden);
  const env = { PATH: process.env["PATH"] ?? "", AGENTICORE_PORT: "0", HERE };
  const child = spawn("bash", ["-c", server], { env, stdio: "ignore" });
  try {
    const names = ["git", "warden-0b8f", "child", "warden-probe", "trial"];
    const read = (name: string) => Number(readFileSync(join(HERE, name), "utf8"));
    const pids = await eventually(() => {
      try {
        const found = Object.fromEntries(names.map((name) => [name, read(name)]));
        return Object.values(found).every((pid) => pid > 0) ? found : undefined;
      } catch {
        return undefined;
      }
    });
    const named = (found: readonly number[]) => names.filter((name) => found.includes(pids[name] ?? 0));

    expect(named(processesBelow(HERE).ofJobs)).toEqual(["warden-0b8f", "child"]);
    expect(named(processesBelow(HERE).all)).toEqual(names);

    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;

    expect(named(processesBelow(HERE).ofJobs)).toEqual(names);
  } finally {
    killProcessesWith("HERE", HERE);
  }
});
