import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bareClone, bareMirror } from "./bare-git.ts";
import { type BigRepository, makeBigRepository } from "./big-repository.ts";
import { type Report, spreadText } from "./report.ts";
import { type Ran, runJob, type Served, serve } from "./served.ts";
import type { Stage } from "./stage.ts";
import { interleave, ratioOf, spreadOf } from "./statistics.ts";
import { tenJobs } from "./ten-jobs.ts";

const size = { files: 20_000, commits: 2_000 };
/** What the repository gains between two starts: 10 commits of 5 files. */
const commitsPerRound = 10;

/** From submission to Claude's process, beside what git alone takes for the same. */
export async function start(stage: Stage): Promise<Report> {
  const { folder, note } = stage;
  note(`making a repository of ${size.files} files and ${size.commits} commits`);
  const source = await makeBigRepository(join(folder, "source.git"), size);
  const warm = await measureWarm(stage, source);
  const cold = await measureCold(stage, source);
  const ten = await tenJobs(stage, source);
  return {
    text: [
      `From just before \`POST /jobs\` to the moment at which Claude's process runs in its worktree, on a generated repository`,
      `(${size.files.toLocaleString("en")} files, ${size.commits.toLocaleString("en")} commits, 106 MB of text, a local bare folder). Before each round it gains ${commitsPerRound} commits, which every side`,
      "fetches into a mirror of its own. *Bare git* is `git fetch` of the one ref, `git worktree add` and a spawn, with the",
      "same `checkout.workers=8`; *bare clone* begins with `git clone --bare`. *Warm mirror* has no tree to use again, *warm",
      "pool* has one, of the commit before; *cold* has neither mirror nor tree. Ours include the request, the claim, the",
      "worktree, the profile, the warden and its namespaces. Claude is a script that tells the time: how long the real one",
      "takes from there to its first request is its own. Before each start everything is written to the disk (`sync`).",
      "Milliseconds, median (least-most).",
    ].join("\n"),
    tables: [warm.table, cold.table, warm.parts, ten.table],
    goals: [
      { what: "warm mirror, times bare git", limit: 1.15, reached: warm.mirrorRatio },
      { what: "warm pool, times bare git", limit: 0.35, reached: warm.poolRatio },
      ...ten.goals,
    ],
  };
}

async function measureWarm({ folder, rounds = 15, note }: Stage, source: BigRepository) {
  const bare = await bareMirror(folder, source.path);
  await using mirror = await serve(join(folder, "mirror"));
  await using pool = await serve(join(folder, "pool"));
  const ran = { mirror: [] as Ran[], pool: [] as Ran[] };
  // Cancelled, so that its tree is thrown away; ended well, so that it is kept.
  const viaMirror = () => startJob(mirror, { source, task: "bench: stay" });
  const viaPool = () => startJob(pool, { source, task: "bench: end" });
  note("filling the mirrors and the pool");
  await viaMirror();
  await viaPool();
  const keep = async (kept: Ran[], job: Promise<Ran>) => {
    kept.push(await job);
    return kept.at(-1)?.startedMs ?? Number.NaN;
  };
  const times = await interleave(
    {
      "bare git": bare.start,
      "warm mirror": () => keep(ran.mirror, viaMirror()),
      "warm pool": () => keep(ran.pool, viaPool()),
    },
    {
      rounds,
      onRound: async (round) => {
        note(`warm starts, round ${round + 1} of ${rounds}`);
        await source.advance(commitsPerRound);
      },
      between: () => settled(folder),
    },
  );
  const { "bare git": base, "warm mirror": ofMirror, "warm pool": ofPool } = times;
  const [mirrorRatio, poolRatio] = [ratioOf(ofMirror, base), ratioOf(ofPool, base)];
  const row = (name: string, values: readonly number[], ratio: string) => [name, spreadText(spreadOf(values)), ratio];
  return {
    mirrorRatio: mirrorRatio.median,
    poolRatio: poolRatio.median,
    table: {
      head: [`${rounds} rounds`, "ms", "times bare git, round by round"],
      rows: [
        row("bare git", base, "1"),
        row("warm mirror", ofMirror, spreadText(mirrorRatio)),
        row("warm pool", ofPool, spreadText(poolRatio)),
      ],
    },
    parts: {
      head: ["where it goes (median ms)", "up to date", "worktree", "everything else"],
      rows: [partsOf("warm mirror", ran.mirror), partsOf("warm pool", ran.pool)],
    },
  };
}

async function measureCold({ folder, rounds = 15, note }: Stage, source: BigRepository) {
  const clone = bareClone(folder, source.path);
  const coldRounds = Math.max(1, Math.round(rounds / 4));
  const times = await interleave(
    {
      "bare clone": clone.start,
      cold: async (round) => {
        await using served = await serve(join(folder, `cold-${round}`));
        return (await startJob(served, { source, task: "bench: stay" })).startedMs;
      },
    },
    {
      rounds: coldRounds,
      onRound: (round) => note(`cold starts, round ${round + 1} of ${coldRounds}`),
      between: () => settled(folder),
    },
  );
  const ratio = ratioOf(times.cold, times["bare clone"]);
  return {
    table: {
      head: [`${coldRounds} rounds`, "ms", "times bare clone, round by round"],
      rows: [
        ["bare clone", spreadText(spreadOf(times["bare clone"])), "1"],
        ["cold", spreadText(spreadOf(times.cold)), spreadText(ratio)],
      ],
    },
  };
}

/** One start, and then quiet: deleting trees of 20,000 files must not disturb who comes next. */
async function startJob(
  served: Served,
  { source, task }: Readonly<{ source: BigRepository; task: string }>,
): Promise<Ran> {
  const ran = await runJob(served, { task, repo_url: source.path });
  while (listed(join(served.home, ".agenticore/worktrees/.trash")).length > 0) await sleep(50);
  return ran;
}

/** Until what was written and deleted so far is on the disk (sync(1)): else whoever comes next pays for it. */
async function settled(folder: string): Promise<void> {
  await once(spawn("sync", ["-f", folder], { stdio: "inherit" }), "exit");
}

const listed = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/** The steps that the job's events tell the time of. */
function partsOf(name: string, ran: readonly Ran[]): readonly string[] {
  const msOf = ({ events }: Ran, type: string) => Number(events.find((event) => event.type === type)?.data["ms"]);
  const middle = (pick: (job: Ran) => number) => String(Math.round(spreadOf(ran.map(pick)).median));
  return [
    name,
    middle((job) => msOf(job, "repo.fetched")),
    middle((job) => msOf(job, "worktree.opened") - msOf(job, "repo.fetched")),
    middle((job) => job.startedMs - msOf(job, "worktree.opened")),
  ];
}
