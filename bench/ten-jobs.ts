import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BigRepository } from "./big-repository.ts";
import type { Goal, Table } from "./report.ts";
import { runJob, type Served, serve } from "./served.ts";
import type { Stage } from "./stage.ts";
import { spreadOf } from "./statistics.ts";

const many = 10;

/** Ten jobs at once on one repository: how often git is asked, and whether it ever fails. */
export async function tenJobs(
  { folder, note }: Stage,
  source: BigRepository,
): Promise<Readonly<{ table: Table; goals: readonly Goal[] }>> {
  const home = join(folder, "ten");
  const log = join(home, "git.log");
  const bin = countingGit(join(home, "bin"), log);
  await using served = await serve(home, {
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    AGENTICORE_MAX_PARALLEL_JOBS: String(many),
  });
  const rows = [];
  for (const name of ["cold", "warm mirror, the ref has moved", "warm mirror, nothing new"]) {
    note(`${many} jobs at once: ${name}`);
    if (name.includes("moved")) await source.advance(1);
    rows.push({ name, ...(await crowd(served, { source, log })) });
  }
  return {
    table: {
      head: [
        `${many} jobs at once`,
        "succeeded",
        "git fetch",
        "git ls-remote",
        "git in all",
        "git failed",
        "all started, ms",
      ],
      rows: rows.map((row) => [
        row.name,
        ...[row.succeeded, row.fetches, row.lookups, row.commands, row.failures, Math.round(row.slowestMs)].map(String),
      ]),
    },
    goals: [
      { what: "ten jobs at once: git failures", limit: 0, reached: sum(rows.map(({ failures }) => failures)) },
      { what: "ten jobs at once: jobs that failed", limit: 0, reached: sum(rows.map((row) => many - row.succeeded)) },
      {
        what: "ten jobs at once: fetches of one ref",
        limit: 1,
        reached: Math.max(...rows.map(({ fetches }) => fetches)),
      },
    ],
  };
}

async function crowd(served: Served, { source, log }: Readonly<{ source: BigRepository; log: string }>) {
  rmSync(log, { force: true });
  const jobs = await Promise.all(
    Array.from({ length: many }, () => runJob(served, { task: "bench: end", repo_url: source.path })),
  );
  const commands = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").map(parseCommand) : [];
  const named = (name: string) => commands.filter((command) => command.name === name).length;
  return {
    succeeded: jobs.filter(({ events }) => events.at(-1)?.type === "job.succeeded").length,
    fetches: named("fetch"),
    lookups: named("ls-remote"),
    commands: commands.length,
    failures: commands.filter(({ code }) => code >= 128).length,
    slowestMs: spreadOf(jobs.map(({ startedMs }) => startedMs)).max,
  };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** A `git` that writes down exit code and arguments of each call. @returns the folder for PATH. */
function countingGit(folder: string, log: string): string {
  const git = execFileSync("/bin/sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  mkdirSync(folder, { recursive: true });
  const script = `#!/bin/bash\n"${git}" "$@"\ncode=$?\necho "$code $*" >>"${log}"\nexit $code\n`;
  writeFileSync(join(folder, "git"), script, { mode: 0o755 });
  return folder;
}

/** `0 -c a=b fetch --quiet …` */
export function parseCommand(line: string): Readonly<{ code: number; name: string }> {
  const [code, ...args] = line.split(" ");
  const name = args.find((arg, at) => !arg.startsWith("-") && args[at - 1] !== "-c");
  return { code: Number(code), name: name ?? "" };
}
