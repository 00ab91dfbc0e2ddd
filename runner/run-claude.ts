import { join } from "node:path";
import type { Check } from "../shared/check.ts";
import { type Clock, iso } from "../shared/clock.ts";
import { AppError, LeaseLost } from "../shared/error.ts";
import type { Message, Usage } from "../shared/job.ts";
import type { Log } from "../shared/log.ts";
import type { Redact } from "../shared/redact.ts";
import { openApprovals } from "./approvals.ts";
import { openChecks } from "./claude/checks.ts";
import type { StopReason } from "./claude/judge.ts";
import { readMessage } from "./claude/messages.ts";
import type { RunPlan } from "./claude/plan.ts";
import { closing, mayClose, onFollowUp, onMessage, openSession, type Step } from "./claude/session.ts";
import type { Session } from "./claude/session-state.ts";
import { interruptLine } from "./claude/stdin-line.ts";
import { usageOf } from "./claude/usage.ts";
import { keepGoing } from "./keep-going.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import { tellNearBudget } from "./near-budget.ts";
import { startTree, type TreePlan } from "./process/spawn-warden.ts";
import type { Line } from "./process/split-lines.ts";
import { tailLines } from "./process/tail.ts";
import type { TreeExit } from "./process/tree.ts";
import { Stop, stopReason } from "./stop.ts";

export type ClaudeRun = Readonly<{ session: Session; exit: TreeExit; stop?: StopReason }>;
type Deps = Readonly<{ clock: Clock; redact: Redact; newId: () => string; log: Log }>;
type Order = Readonly<{
  plan: RunPlan;
  tree: Omit<TreePlan, "until">;
  resumed: boolean;
  /** Of the attempts before, where their work goes on. */
  checks: readonly Check[];
  keeper: LeaseKeeper;
  /** Ends the work from outside: a hard stop of the runner. */
  stop: AbortSignal;
  /** The command runs; `pid` is its warden's. */
  onStarted: (pid: number) => void;
  /** What Claude's process has cost so far, at each of its results. */
  onUsage: (total: Readonly<{ cost_usd: number; usage: Usage }>) => void;
  /** Resolves when the budget nears its end. */
  nearBudget: Promise<void>;
  /** Seconds in which something must happen; 0: for ever. */
  stallSeconds: number;
  /** Bytes of the model's answers so far, where they come through the broker. */
  heard: () => number;
  /** A sentence for the job. */
  warn: (sentence: string) => void;
  /** A turn has begun, a tool or a turn has ended: the conversation is longer, and the tree may have changed. */
  onSaid: (turnIsOver: boolean) => void;
}>;

/** After `interrupt` Claude has a second to end its tools, after SIGTERM two more: dead within 5 s (jobs.md 4). */
const politeMs = 1_000;
const termGraceMs = 2_000;
/** A Claude that has said its last result and does not end. */
const lingerMs = 60_000;

/**
 * Runs Claude to its end and carries what it says to the job's log. When it resolves or throws, nothing of it lives.
 * @throws AppError `setup_failed` when it cannot be started, `internal` when its warden was killed, LeaseLost when its
 * grant ran out before it was started.
 */
export async function runClaude(order: Order, { clock, redact, newId, log }: Deps): Promise<ClaudeRun> {
  const { plan, keeper } = order;
  const over = new AbortController();
  const ours = new AbortController();
  const stop = AbortSignal.any([keeper.signal, order.stop, ours.signal]);
  const tree = startTree({ ...order.tree, until: keeper.grant() }, { clock });
  keeper.onGrant((grant) => tree.grant(grant));
  if (!(await tree.started)) {
    const exit = await tree.exited;
    if (exit.reason === "failed") throw new AppError("setup_failed", `Claude could not be started: ${exit.message}`);
    lostBy(exit);
    throw new LeaseLost(order.tree.job);
  }
  order.onStarted(tree.id.pid);
  let lingered = false;
  let finishing = false;
  let session = openSession({
    messageId: plan.messageId,
    pid: tree.id.pid,
    resumed: order.resumed,
    checks: openChecks(order.checks),
  });
  const waiting: Message[] = [];
  const nudges = new Set<string>();
  const take = (step: Step) => {
    if (step.session.checks.done !== session.checks.done) keeper.patch({ checks: [...step.session.checks.done] });
    session = step.session;
    // Nobody but us has sent a nudge.
    keeper.emit(...step.events.filter(({ data }) => !("message_id" in data && nudges.has(data.message_id))));
    for (const id of step.delivered) if (!nudges.has(id)) keeper.delivered(id);
    for (const line of step.writes) void tree.write(line);
  };
  const handOver = () => {
    if (session.started) for (const message of waiting.splice(0)) take(onFollowUp(session, message));
  };
  const approvals = openApprovals(
    { keeper, write: (line) => void tree.write(line), timeoutMs: plan.approvalMs },
    { clock, redact, newId },
  );
  keeper.onMessage((message) => {
    if (message.answer) return approvals.answer(message);
    waiting.push(message);
    handOver();
  });
  const going = keepGoing(
    {
      ...{ stallSeconds: order.stallSeconds, runDir: order.tree.runDir, pid: tree.id.pid, heard: order.heard },
      ...{ waits: approvals.waits, over: over.signal, warn: order.warn, stop: (why) => ours.abort(new Stop(why)) },
      nudge: (text, mode) => {
        const id = newId();
        nudges.add(id);
        take(onFollowUp(session, { id, text, mode, at: iso(clock.now()) }));
      },
    },
    clock,
  );
  const budget = tellNearBudget((text) => {
    const id = newId();
    nudges.add(id);
    take(onFollowUp(session, { id, text, mode: "queue", at: iso(clock.now()) }));
  });
  void order.nearBudget.then(budget.near);
  const deadline = after(plan.deadlineMs, () => ours.abort(new Stop("timeout")));
  const ending = endWhenTold();
  void tree.exited.then(() => over.abort());
  await tree.write(plan.firstLine);

  // What cannot be read on breaks the attempt off, and only when nothing of it lives: somebody else may have the job next.
  const broken = await follow().then(
    () => undefined,
    (error: unknown) => {
      tree.kill();
      return { error };
    },
  );
  approvals.end();
  const exit = await tree.exited;
  await provenDead();
  await Promise.all([deadline, ending]);
  if (broken) throw broken.error;
  const why = asJudged(stop) ?? lostBy(exit);
  return { session, exit, ...(why ? { stop: why } : lingered ? { stop: "lingered" as const } : {}) };

  /** The attempt does not end, and its lease is kept, while anything of it lives. */
  async function provenDead(): Promise<void> {
    for (let rest = exit.survivors ?? []; rest.length > 0; rest = await tree.survivors()) {
      log.error("processes of the job cannot be killed", { pids: rest.map(({ pid }) => pid) });
      await clock.sleep(1_000);
    }
  }
  async function follow(): Promise<void> {
    const { runDir } = order.tree;
    const beside = join(runDir, "err");
    try {
      for await (const lines of tailLines(join(runDir, "out"), { ended: tree.exited, clock, beside })) {
        for (const line of lines) read(line);
        await keeper.room(stop);
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "output_limit") throw error;
      ours.abort(new Stop("output-limit", { cause: error }));
    }
  }
  function read(line: Line): void {
    const { text, dropped } = line;
    const message = readMessage(text);
    take(onMessage(session, message, redact));
    going.seen(message);
    budget.seen(message);
    approvals.seen(message, line);
    if (["system/init", "user", "result"].includes(message.type)) order.onSaid(message.type === "result");
    if (message.type === "result")
      order.onUsage({ cost_usd: message.total_cost_usd, usage: usageOf(message.modelUsage) });
    if (dropped > 0) keeper.emit({ type: "output.truncated", data: { bytes: dropped } });
    handOver();
    if (mayClose(session) && waiting.length === 0) void finish();
  }
  /** Asks once more for messages before the input is closed: one that was accepted meanwhile still gets its turn. */
  async function finish(): Promise<void> {
    if (finishing) return;
    finishing = true;
    await keeper.flush().catch(() => undefined);
    finishing = false;
    if (!mayClose(session) || waiting.length > 0) return;
    session = closing(session);
    tree.closeInput();
    void after(lingerMs, () => {
      lingered = true;
      tree.terminate(termGraceMs);
    });
  }
  /** Does `act` after `ms`, unless the tree has ended by then. */
  async function after(ms: number, act: () => void): Promise<void> {
    await clock.sleep(ms, over.signal);
    if (!over.signal.aborted) act();
  }
  async function endWhenTold(): Promise<void> {
    await aborted(AbortSignal.any([stop, over.signal]));
    if (over.signal.aborted) return;
    if (stopReason(stop) === "lease-lost") return tree.kill();
    approvals.end();
    void tree.write(interruptLine(newId()));
    await clock.sleep(politeMs, over.signal);
    if (!over.signal.aborted) tree.terminate(termGraceMs);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** A grant that ran out is a lost lease; a tree that somebody else killed is a crash, which another attempt mends. */
function lostBy({ reason, code }: TreeExit): StopReason | undefined {
  if (reason === "expired") return "lease-lost";
  if (reason === "lifeline" || reason === "warden_lost") throw new AppError("internal", "Claude's warden was killed.");
  if (reason === "exited" && code === 137)
    throw new AppError("internal", "Claude was killed by SIGKILL: is memory short?");
  return undefined;
}

function asJudged(signal: AbortSignal): StopReason | undefined {
  const why = stopReason(signal);
  return why === "draining" ? "drain" : why;
}
