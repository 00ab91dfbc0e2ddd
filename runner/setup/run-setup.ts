import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import type { Redact } from "../../shared/redact.ts";
import type { Setup } from "../../shared/setup.ts";
import type { LeaseKeeper } from "../keep-lease.ts";
import { keepRecord, readTail } from "../process/keep-record.ts";
import { startTree, type TreePlan } from "../process/spawn-warden.ts";
import { tailLines } from "../process/tail.ts";
import type { TreeExit } from "../process/tree.ts";

type Order = Readonly<{
  setup: Setup;
  tree: Omit<TreePlan, "until">;
  keeper: LeaseKeeper;
  /** Ends it from outside: lease lost, cancelled, or the runner stops. */
  signal: AbortSignal;
}>;
type Deps = Readonly<{ clock: Clock; redact: Redact }>;

const termGraceMs = 2_000;

/**
 * Runs the command as Claude would run: under a warden, in the job's namespaces, for as long as the lease is held. When
 * it resolves or throws, nothing of it lives.
 * @throws AppError `setup_failed` with the end of what it printed, LeaseLost, or the signal's reason.
 */
export async function runSetup({ setup, tree: plan, keeper, signal }: Order, { clock, redact }: Deps): Promise<void> {
  const tree = startTree({ ...plan, until: keeper.grant() }, { clock });
  keeper.onGrant((grant) => tree.grant(grant));
  tree.closeInput();
  let late = false;
  const over = new AbortController();
  void tree.exited.then(() => over.abort());
  const limit = clock.sleep(setup.timeout * 1_000, over.signal).then(() => {
    if (over.signal.aborted) return;
    late = true;
    tree.terminate(termGraceMs);
  });
  const stop = () => tree.terminate(termGraceMs);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const read = (await tree.started)
    ? await printsTooMuch(plan.runDir, tree.exited, clock).catch((error: unknown) => ({ error }))
    : false;
  if (read !== false) tree.kill();
  const exit = await tree.exited;
  for (let rest = exit.survivors ?? []; rest.length > 0; rest = await tree.survivors()) await clock.sleep(1_000);
  signal.removeEventListener("abort", stop);
  await limit;
  if (typeof read === "object") throw read.error;
  const said = redact((await lastLines(plan.runDir)).join("\n"));
  await Promise.all([keepRecord(plan.runDir, "out"), keepRecord(plan.runDir, "err")]);
  signal.throwIfAborted();
  if (exit.reason === "expired") throw new LeaseLost(plan.job);
  const why = whyNot(exit, { late, flooded: read, seconds: setup.timeout });
  if (why !== undefined) throw failed(why, said);
}

function whyNot(
  { reason, code, message }: TreeExit,
  { late, flooded, seconds }: Readonly<{ late: boolean; flooded: boolean; seconds: number }>,
): string | undefined {
  if (late) return `did not end within ${seconds} seconds`;
  if (flooded) return "printed too much";
  if (reason === "failed") return `could not be started: ${message}`;
  if (reason === "lifeline" || reason === "warden_lost") return "was killed from outside";
  return reason === "exited" && code === 0 ? undefined : `ended with exit code ${code}`;
}

const failed = (why: string, said: string): AppError =>
  new AppError("setup_failed", `The set-up command ${why}${said === "" ? "." : `:\n${said}`}`, {
    remedy: "Nothing was spent on Claude. Mend `setup` in the profile or in .agenticore.yml, then retry the job.",
  });

/** Reads along, so that a command that prints for ever does not fill the disk. */
async function printsTooMuch(runDir: string, ended: Promise<unknown>, clock: Clock): Promise<boolean> {
  try {
    for await (const _ of tailLines(join(runDir, "out"), { ended, clock, beside: join(runDir, "err"), quotaBytes }));
    return false;
  } catch (error) {
    if (error instanceof AppError && error.code === "output_limit") return true;
    throw error;
  }
}
const quotaBytes = 1024 ** 3;

/** What people need of its output: errors last. */
async function lastLines(runDir: string): Promise<readonly string[]> {
  const tails = await Promise.all((["out", "err"] as const).map((name) => readTail(runDir, name, 4_096)));
  return tails.flatMap((tail) => tail.trimEnd().split("\n").slice(-15)).filter((line) => line.trim() !== "");
}
