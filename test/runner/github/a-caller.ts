import type { Github, Proposal } from "../../../runner/github/github.ts";
import type { GithubRepository } from "../../../runner/github/repository.ts";
import type { Clock } from "../../../shared/clock.ts";
import { Profile } from "../../../shared/profile.ts";
import { parseRepoUrl } from "../../../shared/repo-url.ts";
import { aGithub } from "../../support/a-github.ts";
import { aJob } from "../../support/a-job.ts";
import { type FakeApp, type FakeGithub, type FakeRepo, startGithub } from "../../support/github/start-github.ts";

export const never = (): AbortSignal => new AbortController().signal;

/** A clock that nobody waits for: a sleep is time that has passed. */
export function hastyClock(): Clock & Readonly<{ slept: readonly number[]; advance: (ms: number) => void }> {
  const slept: number[] = [];
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    uptime: () => performance.now() + ahead,
    sleep: async (ms) => {
      slept.push(ms);
      ahead += ms;
    },
    slept,
    advance: (ms) => {
      ahead += ms;
    },
  };
}

/** A runner's side of the stand-in, whose one repository is `acme/widget` with a branch that was pushed. */
export type Caller = Readonly<{
  fake: FakeGithub;
  repo: FakeRepo;
  github: Github;
  clock: ReturnType<typeof hastyClock>;
  at: GithubRepository;
  /** Both clocks go on. */
  advance: (ms: number) => void;
  proposal: (more?: Partial<Proposal>) => Proposal;
  propose: (more?: Partial<Proposal>) => ReturnType<Github["propose"]>;
  proofs: () => number;
}> &
  AsyncDisposable;

type Setting = Readonly<{
  enterprise?: boolean;
  name?: string;
  env?: (fake: FakeGithub) => Readonly<Record<string, string>>;
}>;

export async function aCaller({ enterprise = false, name = "acme/widget", env }: Setting = {}): Promise<Caller> {
  const fake = await startGithub({ enterprise });
  const repo = fake.repo(name);
  repo.git("branch", branch, "main");
  commitOn(repo, branch);
  const clock = hastyClock();
  const github = aGithub({ GITHUB_API_URL: fake.apiUrl, ...(env?.(fake) ?? { GITHUB_TOKEN: fake.token() }) }, clock);
  const at = github.repository(parseRepoUrl(fake.url(name)));
  if (!at) throw new Error(`${fake.url(name)} is not taken for GitHub's`);
  let proofs = 0;
  const proposal: Caller["proposal"] = (more = {}) => ({
    ...{ repo: at, branch, baseRef: "main", commit: repo.git("rev-parse", branch), how: Profile.parse({}).pr },
    job: aJob({ output: "Added a test for the parser.", branch }),
    ...more,
  });
  const prove = async () => {
    proofs += 1;
  };
  return {
    ...{ fake, repo, github, clock, at, proposal },
    advance: (ms) => {
      fake.advance(ms);
      clock.advance(ms);
    },
    propose: (more) => github.propose(proposal(more), { prove, signal: never() }),
    proofs: () => proofs,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

export const branch = "agenticore-12345678";

/** An empty commit on top of the branch of a bare repository. */
export function commitOn(repo: FakeRepo, on: string): string {
  const author = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
  const commit = repo.git(...author, "commit-tree", `${on}^{tree}`, "-p", on, "-m", "work");
  repo.git("update-ref", `refs/heads/${on}`, commit);
  return commit;
}

/** Variables of a runner with an App that is installed everywhere at `acme`. */
export const withApp =
  (use: (app: FakeApp) => void = () => undefined, facts: Parameters<FakeGithub["app"]>[0] = {}) =>
  (fake: FakeGithub): Readonly<Record<string, string>> => {
    const app = fake.app(facts);
    use(app);
    return app.env;
  };
