import { aWorld, type World } from "./a-world.ts";
import { type FakeGithub, type FakeRepo, startGithub } from "./github/start-github.ts";

/** A world whose runners may use the repositories of a stand-in for GitHub, with what the settings log in with. */
export type GithubWorld = Readonly<{ world: World; github: FakeGithub; repo: FakeRepo; url: string }> & AsyncDisposable;

type Setting = Readonly<{
  /** Default `acme/widget`. */
  name?: string;
  enterprise?: boolean;
  /** Variables of the servers; by default the token of somebody who may push. */
  env?: (github: FakeGithub) => Readonly<Record<string, string>>;
}>;

export async function aGithubWorld({
  name = "acme/widget",
  enterprise = false,
  env,
}: Setting = {}): Promise<GithubWorld> {
  const github = await startGithub({ enterprise });
  const repo = github.repo(name);
  const world = await aWorld({
    GITHUB_API_URL: github.apiUrl,
    AGENTICORE_ALLOWED_REPOS: "http://127.0.0.1:*/**",
    ...(env ? env(github) : { GITHUB_TOKEN: github.token() }),
  });
  return {
    ...{ world, github, repo, url: github.url(name) },
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await github[Symbol.asyncDispose]();
    },
  };
}
