import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Grant, LeaseKeeper } from "../../runner/keep-lease.ts";
import { processGroup } from "../../runner/process/sandbox.ts";
import { runClaude } from "../../runner/run-claude.ts";
import { systemClock as clock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { aJobId } from "../support/a-job.ts";

const sandbox = processGroup("for a test");

/** A keeper that grants this and is never asked for more: what is started here ends before. */
const granting = (grant: Grant): LeaseKeeper => ({
  lease: { job: aJobId(), runner: "box-1/a1", fence: 1 },
  signal: new AbortController().signal,
  emit: () => undefined,
  patch: () => undefined,
  room: async () => undefined,
  delivered: () => undefined,
  flush: async () => undefined,
  grant: () => grant,
  onGrant: () => undefined,
  onMessage: () => undefined,
  end: async () => ({ patch: {}, events: [], firstEvent: 0 }),
  [Symbol.asyncDispose]: async () => undefined,
});

type Start = Readonly<{ argv?: readonly [string, ...string[]]; enter?: readonly string[]; forMs?: number }>;

async function started({ argv = ["/bin/true"], enter = [], forMs = 20_000 }: Start): Promise<unknown> {
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
      onStarted: () => undefined,
      onUsage: () => undefined,
      nearBudget: new Promise<void>(() => undefined),
      onSaid: () => undefined,
    },
    ...{ stallSeconds: 0, heard: () => 0, warn: () => undefined },
  };
  const deps = { clock, redact: (text: string) => text, newId: () => aJobId(), log: silentLog };
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
