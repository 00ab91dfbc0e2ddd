import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { iso } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { Claim } from "../shared/store.ts";
import type { WorktreeRecord } from "../shared/worktree.ts";
import { type Conclusion, concludeError } from "./conclude.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import { fetched } from "./open-work.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { stopReason } from "./stop.ts";
import { whileAway } from "./while-away.ts";

type Attempt = Readonly<{ claim: Claim; keeper: LeaseKeeper; signal: AbortSignal }>;
type Deps = Pick<RunnerDeps, "store" | "clock" | "times" | "repos" | "box">;

/**
 * A job of kind `prepare`: makes a worktree for later jobs, and tells the store of it. Its id is the job's.
 * @throws AppError as `prepare` and `openWorktree` of `Repos`; `conflict` where the worktree was made before and has been used since.
 */
export async function prepareWorktree({ claim, keeper, signal }: Attempt, deps: Deps): Promise<Conclusion> {
  const { job } = claim;
  const { store, clock, repos, box } = deps;
  const ask = <T>(step: () => Promise<T>) => whileAway(step, { clock, capMs: deps.times.urgentMs, signal });
  const known = await ask(() => store.findWorktree(job.id));
  if (known?.status === "in_use" && known.job === job.id) return done(known); // the end of an earlier attempt was not heard
  if (known && known.status !== "preparing" && known.status !== "failed")
    throw new AppError("conflict", `The worktree ${job.id} was prepared before: it is ${known.status}.`);
  const record = { ...newRecord(claim, iso(clock.now())), box };
  const save = (now: WorktreeRecord) => ask(() => store.saveWorktree(claim.lease, now));
  await save(record);
  try {
    const ready = await make();
    await save(ready);
    return done(ready);
  } catch (error) {
    if (stopReason(signal) === "lease-lost") throw error; // what is here may be another's by now
    await repos.removeTree(job.id);
    const conclusion = concludeError(error, { signal });
    if ("finish" in conclusion) {
      const why = { status: "failed", error: error instanceof Error ? error.message : String(error) } as const;
      await store.saveWorktree(claim.lease, { ...record, ...why }).catch(() => undefined);
    }
    throw error;
  }

  async function make(): Promise<WorktreeRecord> {
    const repoJob = { id: job.id, repoUrl: record.repo_url, baseRef: job.base_ref };
    const begun = clock.uptime();
    const since = () => Math.round(clock.uptime() - begun);
    keeper.patch({ phase: "cloning" });
    const prepared = await repos.prepare(repoJob, signal);
    keeper.patch({ phase: "preparing", base_ref: prepared.baseRef });
    keeper.emit({ type: "repo.fetched", data: fetched(prepared, since()) });
    const tree = await repos.openWorktree(prepared, repoJob, signal);
    await repos.keepPrepared(tree);
    const { path, branch, baseRef: base_ref, baseSha: base_sha, warnings, fromPool } = tree;
    keeper.patch({
      base_ref,
      branch,
      worktree_path: path,
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    });
    keeper.emit({ type: "worktree.opened", data: { path, branch, from: fromPool ? "pool" : "new", ms: since() } });
    const size_bytes = await sizeOf(path);
    const now = iso(clock.now());
    return {
      ...{ ...record, status: "ready", path, branch, base_ref, base_sha, used_at: now },
      ...(size_bytes === undefined ? {} : { size_bytes }),
    };
  }
}

function newRecord({ job, tenant }: Claim, now: string): WorktreeRecord {
  const { id, repo_url = "", pool } = job;
  const repo_key = parseRepoUrl(repo_url).canonical;
  return {
    ...{ id, tenant, repo_url, repo_key, pool, pushed: true, status: "preparing" },
    created_at: now,
    used_at: now,
  };
}

const done = ({ id, path, box }: WorktreeRecord): Conclusion => ({
  finish: { status: "succeeded", patch: { output: `The worktree ${id} is ready: ${path} on ${box}.` }, events: [] },
});

/** Disk that it takes, in bytes; du(1) follows no link. Undefined where it cannot be told. */
async function sizeOf(path: string): Promise<number | undefined> {
  const how = { env: { PATH: "/usr/bin:/bin" }, timeout: 60_000 };
  const answer = await promisify(execFile)("du", ["-sk", "--", path], how).catch(() => undefined);
  const kilobytes = Number.parseInt(answer?.stdout ?? "", 10);
  return Number.isNaN(kilobytes) ? undefined : kilobytes * 1024;
}
