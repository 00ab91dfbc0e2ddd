import type { Clock } from "../shared/clock.ts";
import { LeaseLost } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import type { Profile } from "../shared/profile.ts";
import type { Repos } from "./git/repos.ts";
import type { Worktree } from "./git/worktree.ts";

type Leash = NonNullable<Parameters<Repos["pushCheckpoint"]>[1]["leash"]>;
type Order = Readonly<{
  /** The tree, with what was put beside the work by now. */
  tree: () => Promise<Worktree>;
  wanted: Profile["checkpoints"];
  everyMs: number;
  leash: Leash;
  signal: AbortSignal;
  /** Asked before the repository gets one. @throws LeaseLost */
  prove: () => Promise<void>;
  /** Tells the job a sentence. */
  note: (warnings: readonly string[]) => void;
}>;
type Deps = Readonly<{ repos: Repos; clock: Clock; log: Log }>;

/** After one that took long the pause is longer: they take a tenth of the time at most. */
const leastPauseMs = 10_000;
const pausePerWork = 9;

export interface Checkpoints extends AsyncDisposable {
  /** A tool or a turn has ended: the tree may have changed. */
  turned(): void;
  /** Whether the repository was given one. */
  hasPushed(): boolean;
}

/**
 * Keeps the state of a tree while Claude works there, so that the work can go on where the tree cannot be reached: after each
 * tool and turn, at most every 10 s, and every `everyMs` whatever is said. The repository gets it every `everyMs`.
 */
export function keepCheckpoints(order: Order, { repos, clock, log }: Deps): Checkpoints {
  const over = new AbortController();
  const signal = AbortSignal.any([order.signal, over.signal]);
  let last: string | undefined;
  let pushed: string | undefined;
  let everPushed = false;
  let turned = false;
  let wake = new AbortController();
  let keptAt = clock.uptime();
  let pauseMs = 0;
  let pushAt = keptAt + order.everyMs;
  let owesPush = false;
  let mayPush: boolean | undefined = order.wanted === "push" ? undefined : false;

  async function keeping(): Promise<void> {
    for (;;) {
      await untilDue();
      if (signal.aborted) return;
      turned = false;
      const begun = clock.uptime();
      await keep().catch((error: unknown) => {
        if (!signal.aborted) log.warn("the state of a tree could not be kept", { error: String(error) });
        if (error instanceof LeaseLost) over.abort();
      });
      keptAt = clock.uptime();
      pauseMs = Math.min(order.everyMs, Math.max(leastPauseMs, (keptAt - begun) * pausePerWork));
    }
  }
  async function untilDue(): Promise<void> {
    for (;;) {
      // A tool may work for long: whether Claude says anything meanwhile tells nothing of the tree.
      const due = Math.min(keptAt + (turned ? pauseMs : order.everyMs), owesPush ? pushAt : Number.POSITIVE_INFINITY);
      const leftMs = due - clock.uptime();
      if (signal.aborted || leftMs <= 0) return;
      wake = new AbortController();
      await clock.sleep(leftMs, AbortSignal.any([signal, wake.signal]));
    }
  }
  async function keep(): Promise<void> {
    const tree = await order.tree();
    const commit = await repos.keepCheckpoint(tree, signal);
    if (commit === undefined || (commit === last && (mayPush === false || commit === pushed))) return;
    last = commit;
    owesPush = mayPush !== false && clock.uptime() < pushAt;
    if (owesPush) return;
    pushAt = clock.uptime() + order.everyMs;
    mayPush ??= await isAllowed(tree);
    if (!mayPush) return;
    await order.prove();
    pushed ??= (await repos.findCheckpoint(tree, signal)) ?? "";
    everPushed = true;
    const given = await repos.pushCheckpoint(tree, { commit, expected: pushed, leash: order.leash }, signal);
    pushed = given ? commit : undefined;
  }
  async function isAllowed(tree: Worktree): Promise<boolean> {
    if (tree.source.address.scheme === "local") return false;
    if (!(await repos.isPublic(tree, signal))) return true;
    order.note(["Checkpoints stay on this box: the repository is public, or nobody can tell whether it is."]);
    return false;
  }
  const running = keeping();
  return {
    turned: () => {
      if (turned) return;
      turned = true;
      wake.abort();
    },
    hasPushed: () => everPushed,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await running;
    },
  };
}

/** How long the repository may take to forget one. */
const goodbyeMs = 30_000;

/** Takes away what is kept of a tree, as its job is over; `remote`: the repository may have one too. Never throws. */
export async function dropCheckpoints(
  { tree, remote }: Readonly<{ tree: Pick<Worktree, "source" | "jobId">; remote: boolean }>,
  { repos, clock, log }: Deps,
): Promise<void> {
  const late = new AbortController();
  const over = new AbortController();
  void clock.sleep(goodbyeMs, over.signal).then(() => late.abort());
  try {
    await repos.dropCheckpoint(tree);
    const there = remote ? await repos.findCheckpoint(tree, late.signal) : undefined;
    if (there !== undefined) await repos.pushCheckpoint(tree, { expected: there }, late.signal);
  } catch (error) {
    log.warn("a checkpoint could not be taken away", { job: tree.jobId, error: String(error) });
  } finally {
    over.abort();
  }
}
