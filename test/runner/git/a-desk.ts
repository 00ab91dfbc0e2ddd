import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Prepared, RepoJob } from "../../../runner/git/prepare.ts";
import type { RepoOptions } from "../../../runner/git/repo-box.ts";
import { openRepos, type Repos } from "../../../runner/git/repos.ts";
import type { Worktree } from "../../../runner/git/worktree.ts";
import { type PersonRepo, personRepo, scratch } from "../../support/sample-repo.ts";

export const gitBinary = execFileSync("which", ["git"], { encoding: "utf8" }).trim();
export const never = () => new AbortController().signal;
export const aJob = (repoUrl: string, more: Partial<RepoJob> = {}): RepoJob => ({ id: randomUUID(), repoUrl, ...more });

/** A runner's repositories in a folder of the test's own, beside a person's repository. */
export type Desk = Readonly<{
  path: string;
  repo: PersonRepo;
  repos: Repos;
  said: string[];
  options: RepoOptions;
  /** Prepares and opens a tree of the repository. */
  start: (more?: Partial<RepoJob>) => Promise<Readonly<{ job: RepoJob; prepared: Prepared; tree: Worktree }>>;
}> &
  AsyncDisposable;

export async function aDesk(more: Partial<RepoOptions> = {}): Promise<Desk> {
  const folder = scratch();
  const repo = personRepo(join(folder.path, "person"));
  const said: string[] = [];
  const options: RepoOptions = {
    reposRoot: join(folder.path, "repos"),
    worktreeRoot: join(folder.path, "trees"),
    stateDir: join(folder.path, "state"),
    gitBinary,
    log: (sentence) => said.push(sentence),
    ...more,
  };
  const repos = await openRepos(options);
  const start = async (wanted: Partial<RepoJob> = {}) => {
    const job = aJob(repo.path, wanted);
    const prepared = await repos.prepare(job, never());
    return { job, prepared, tree: await repos.openWorktree(prepared, job, never()) };
  };
  return {
    ...{ path: folder.path, repo, repos, said, options, start },
    [Symbol.asyncDispose]: async () => {
      await repos[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}
