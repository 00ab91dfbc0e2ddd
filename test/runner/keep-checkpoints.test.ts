import { expect, test } from "vitest";
import type { Repos } from "../../runner/git/repos.ts";
import type { Worktree } from "../../runner/git/worktree.ts";
import { dropCheckpoints, keepCheckpoints } from "../../runner/keep-checkpoints.ts";
import { LeaseLost } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import type { Profile } from "../../shared/profile.ts";
import { eventually } from "../support/eventually.ts";
import { fakeClock } from "../support/fake-clock.ts";

type Facts = Readonly<{ wanted?: Profile["checkpoints"]; scheme?: string; isPublic?: boolean; there?: string }>;

/** A tree whose state the test changes, and a repository that notes what it is given. */
function aTree({ wanted = "push", scheme = "https", isPublic = false, there }: Facts = {}) {
  const clock = fakeClock();
  const at: { state: string | undefined; remote: string | undefined; kept: number; lost: boolean; takesMs: number } = {
    ...{ state: "one", remote: there, kept: 0, lost: false, takesMs: 0 },
  };
  const given: string[] = [];
  const notes: string[] = [];
  const repos = {
    keepCheckpoint: async () => {
      at.kept += 1;
      if (at.takesMs > 0) clock.advance(at.takesMs);
      return at.state;
    },
    isPublic: async () => isPublic,
    findCheckpoint: async () => at.remote,
    pushCheckpoint: async (_: Worktree, { commit, expected }: { commit?: string; expected: string }) => {
      given.push(`${expected}>${commit ?? ""}`);
      if (expected !== (at.remote ?? "")) return false;
      at.remote = commit;
      return true;
    },
    dropCheckpoint: async () => undefined,
  } as unknown as Repos;
  const tree = { jobId: "job", source: { address: { scheme } } } as unknown as Worktree;
  const deps = { repos, clock, log: silentLog };
  const order = {
    ...{ tree: async () => tree, wanted, everyMs: 60_000, signal: new AbortController().signal },
    leash: { until: () => Number.POSITIVE_INFINITY, onLonger: () => undefined },
    prove: async () => {
      if (at.lost) throw new LeaseLost("job");
    },
    note: (sentences: readonly string[]) => void notes.push(...sentences),
  };
  const kept = keepCheckpoints(order, deps);
  return {
    ...{ at, given, notes, kept, clock },
    /** The time passes at which the next one is due. */
    next: async () => {
      const before = at.kept;
      await eventually(() => clock.sleepers() === 1);
      clock.advance(60_000);
      await eventually(() => at.kept === before + 1 && clock.sleepers() === 1);
    },
    drop: (remote: boolean) => dropCheckpoints({ tree, remote }, deps),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

test("the repository is given each new state once, on top of what it was given before", async () => {
  await using tree = aTree();
  await tree.next();
  await tree.next();
  tree.at.state = "two";
  await tree.next();

  expect(tree.given).toEqual([">one", "one>two"]);
  expect(tree.kept.hasPushed()).toBe(true);
});

test("a later attempt goes on from what an earlier one gave; where another one is there than expected it looks again", async () => {
  await using tree = aTree({ there: "earlier" });
  await tree.next();
  tree.at.remote = "somebody's";
  tree.at.state = "two";
  await tree.next();
  await tree.next();

  expect(tree.given).toEqual(["earlier>one", "one>two", "somebody's>two"]);
});

test.each([
  ["the profile does not ask for it", { wanted: "local" as const }, 0],
  ["it is a person's own folder", { scheme: "local" }, 0],
  ["it is public, which the job is told once", { isPublic: true }, 1],
])("nothing is given to the repository where %s; the state is kept here all the same", async (_, facts, notes) => {
  await using tree = aTree(facts);
  await tree.next();
  tree.at.state = "two";
  await tree.next();

  expect(tree.given).toEqual([]);
  expect(tree.at.kept).toBe(2);
  expect(tree.notes).toHaveLength(notes);
  expect(tree.kept.hasPushed()).toBe(false);
});

test("what a tool or a turn may have changed is kept at once, then at most every 10 s; the repository gets it when its time has come", async () => {
  await using tree = aTree();
  const { at, clock, kept } = tree;
  const keptTimes = (times: number) => eventually(() => at.kept === times && clock.sleepers() === 1);
  await eventually(() => clock.sleepers() === 1);
  clock.advance(2_000);
  kept.turned();
  await keptTimes(1);
  at.state = "two";
  kept.turned();
  kept.turned();
  await eventually(() => clock.sleepers() === 1);
  clock.advance(9_999);
  expect(at.kept).toBe(1);
  clock.advance(1);
  await keptTimes(2);
  expect(tree.given).toEqual([]);
  clock.advance(47_999);
  expect(tree.given).toEqual([]);
  clock.advance(1);
  await keptTimes(3);
  expect(tree.given).toEqual([">two"]);
});

test("where one takes long, keeping takes a tenth of the time at most", async () => {
  await using tree = aTree({ wanted: "local" });
  const { at, clock, kept } = tree;
  at.takesMs = 3_000;
  await eventually(() => clock.sleepers() === 1);
  kept.turned();
  await eventually(() => at.kept === 1 && clock.sleepers() === 1);
  kept.turned();
  await eventually(() => clock.sleepers() === 1);
  clock.advance(26_999);
  expect(at.kept).toBe(1);
  clock.advance(1);
  await eventually(() => at.kept === 2);
});

test("an attempt that has lost its lease gives nothing more", async () => {
  await using tree = aTree();
  tree.at.lost = true;
  const before = tree.next().catch(() => undefined);
  await eventually(() => tree.at.kept === 1);
  await tree.kept[Symbol.asyncDispose]();
  void before;

  expect(tree.given).toEqual([]);
});

test("when the job is over the repository's copy goes, where it may have one", async () => {
  await using tree = aTree({ there: "one" });
  await tree.drop(false);
  expect(tree.given).toEqual([]);
  await tree.drop(true);
  expect(tree.given).toEqual(["one>"]);
});
