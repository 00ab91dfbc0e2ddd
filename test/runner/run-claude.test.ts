import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processOf } from "../../runner/process/process-id.ts";
import { processGroup } from "../../runner/process/sandbox.ts";
import { runClaude } from "../../runner/run-claude.ts";
import { systemClock as clock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { aJobId } from "../support/a-job.ts";
import { granting } from "./granting.ts";

const sandbox = processGroup("for a test");

type Start = Readonly<{
  argv?: readonly [string, ...string[]];
  enter?: readonly string[];
  forMs?: number;
  redact?: (text: string) => string;
  onStarted?: (pid: number) => void;
}>;

async function started({
  argv = ["/bin/true"],
  enter = [],
  forMs = 20_000,
  redact = (text) => text,
  onStarted = () => undefined,
}: Start): Promise<unknown> {
  const root = mkdtempSync(join(tmpdir(), "ac-run-claude-"));
  const folder = (name: string) => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  const until = clock.uptime() + forMs;
  const keeper = granting({ softAt: until, hardAt: until });
  const order = {
    plan: { argv, env: {}, cwd: root, messageId: aJobId(), firstLine: "\n", deadlineMs: 20_000 },
    tree: {
      ...{ job: keeper.lease.job, fence: 1, argv, cwd: folder("work"), env: {}, runDir: folder("run"), visible: [] },
      ...{ sandbox: { ...sandbox, enter }, hidden: [], tmp: folder("tmp") },
    },
    ...{ resumed: false, checks: [], keeper, stop: new AbortController().signal },
    ...{
      onStarted,
      onUsage: () => undefined,
      nearBudget: new Promise<void>(() => undefined),
      onSaid: () => undefined,
    },
    ...{ stallSeconds: 0, heard: () => 0, warn: () => undefined },
  };
  const deps = { clock, redact, newId: () => aJobId(), log: silentLog };
  try {
    return await runClaude(order, deps).catch((error: unknown) => error);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test("a command that cannot be run is a failure of the set-up, which the job's people must mend", async () => {
  expect(await started({ argv: ["/nowhere/claude"] })).toMatchObject({
    code: "setup_failed",
    message: expect.stringContaining("/nowhere/claude is not an executable file"),
  });
});

test("a warden that is killed before it has started Claude is a crash, which another attempt mends", async () => {
  const killsWarden = ["/bin/bash", "-c", "kill -9 $PPID"];
  expect(await started({ enter: killsWarden })).toMatchObject({ code: "internal" });
});

test("where the grant has run out before Claude is started the lease counts as lost", async () => {
  expect(await started({ forMs: 0 })).toMatchObject({ name: "LeaseLost" });
});

test("an attempt that breaks off while Claude works ends it first: its job is soon somebody else's", async () => {
  const said = { type: "assistant", message: { content: [{ type: "text", text: "hello" }] } };
  const redact = (): string => {
    throw new Error("it cannot be read on");
  };
  let warden = 0;
  const onStarted = (pid: number) => {
    warden = pid;
  };
  const argv = ["/bin/bash", "-c", `echo '${JSON.stringify(said)}'; sleep 60`] as const;
  expect(await started({ argv, redact, onStarted })).toMatchObject({ message: "it cannot be read on" });
  expect(warden).toBeGreaterThan(0);
  expect(processOf(warden)).toBeUndefined();
});
