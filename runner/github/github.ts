import type { Config } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";
import type { Job } from "../../shared/job.ts";
import type { Profile } from "../../shared/profile.ts";
import type { Redact } from "../../shared/redact.ts";
import type { RepoAddress } from "../../shared/repo-url.ts";
import type { Credentials } from "../git/repo-box.ts";
import { type GithubClientOptions, type GithubRequest, githubClient, isRefusal } from "./client.ts";
import { toGithubError } from "./failure.ts";
import { harmlessText } from "./harmless-text.ts";
import type { Rights } from "./installation.ts";
import { openPullRequest, type PullRequestEnd } from "./pull-request.ts";
import { pullRequestBody } from "./pull-request-body.ts";
import { pullRequestTitle } from "./pull-request-title.ts";
import { type GithubRepository, githubRepository } from "./repository.ts";
import { checkRights } from "./rights.ts";
import { type Access, openTokens } from "./tokens.ts";

export type Proposal = Readonly<{
  repo: GithubRepository;
  /** As it will be: with what Claude said, spent and changed. */
  job: Job;
  branch: string;
  baseRef: string;
  commit: string;
  how: Profile["pr"];
}>;

/** GitHub as jobs need it: one for all jobs of a runner. */
export interface Github {
  /** Undefined where the address is no repository of this GitHub. */
  repository: (address: RepoAddress) => GithubRepository | undefined;
  /**
   * What git logs in with: of a GitHub App a token that is good for 5 minutes yet, at least. Undefined where there is none.
   * @throws AppError where an App is configured and gets none.
   */
  login: (address: RepoAddress) => Promise<Credentials | undefined>;
  /** Whether there is anything to open a pull request with, and the right to; false where there is nothing. @throws AppError `auth_failed` or `forbidden` where the right is missing. */
  mayPropose: (repo: GithubRepository, signal: AbortSignal) => Promise<boolean>;
  /** Opens or renews the pull request; undefined where there is no token. `prove` is asked before each change. @throws AppError */
  propose: (
    proposal: Proposal,
    guard: Readonly<{ prove: () => Promise<void>; signal: AbortSignal }>,
  ) => Promise<PullRequestEnd | undefined>;
  /** For `gh` inside a job, see `gh` of a profile. Undefined where there is no token. */
  ghVariables: (repo: GithubRepository) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Takes tokens that were made here out of a text. */
  hide: Redact;
}

/** For fetch, push and pull request; an App has `workflows` only where somebody gave it that, to have workflows changed. */
const forUs: Rights = { contents: "write", pull_requests: "write", workflows: "write" };
/** Claude reads and talks; what is pushed, we push. */
const forClaude: Rights = {
  ...{ contents: "read", pull_requests: "write", issues: "write" },
  ...{ actions: "read", checks: "read", statuses: "read" },
};
/** An installation's token lives for an hour: Claude gets all of it. */
const wholeMs = 55 * 60_000;

export function openGithub(
  config: Config,
  options: Omit<GithubClientOptions, "apiUrl"> & Readonly<{ redact: Redact }>,
): Github {
  const { clock } = options;
  const apiUrl = config.githubApiUrl;
  const client: GithubClientOptions = { ...options, apiUrl };
  const tokens = openTokens(config, client);
  const redact: Redact = (text) => options.redact(tokens.hide(text));

  /** Does it with the token; where GitHub refuses that of an App, once more with a new one. */
  async function withAccess<T>(
    { repo, rights, what }: Readonly<{ repo: GithubRepository; rights: Rights; what: string }>,
    act: (request: GithubRequest, access: Access) => Promise<T>,
  ): Promise<T | undefined> {
    for (let tries = 0; ; tries += 1) {
      const access = await tokens.find(repo, { rights });
      if (!access && config.githubAppId !== undefined) throw notInstalled(config.githubAppId, repo);
      if (!access) return undefined;
      try {
        return await act(githubClient(client, { token: access.token.reveal() }), access);
      } catch (error) {
        if (tries === 0 && isRefusal(error) && error.status === 401 && tokens.refused(access)) continue;
        throw toGithubError(error, { what, where: `${repo.owner}/${repo.name}`, nowMs: clock.now() });
      }
    }
  }
  async function loginTo(repo: GithubRepository): Promise<Credentials | undefined> {
    const access = await tokens.find(repo, { rights: forUs });
    return (
      access && {
        username: "x-access-token",
        password: access.token.reveal(),
        another: async () => (tokens.refused(access) ? await loginTo(repo) : undefined),
      }
    );
  }

  return {
    repository: (address) => githubRepository(address, apiUrl),
    login: async (address) => {
      const repo = githubRepository(address, apiUrl);
      return repo && address.scheme !== "ssh" ? await loginTo(repo) : undefined;
    },
    mayPropose: async (repo, signal) =>
      (await withAccess({ repo, rights: forUs, what: "show the rights" }, async (request, access) => {
        await checkRights(repo, access, { request, signal });
        return true;
      })) ?? false,
    propose: async ({ repo, job, branch, baseRef, commit, how }, { prove, signal }) => {
      const { title, ...rest } = how;
      // Before anything is cut or changed in them: half a secret is not found any more.
      const told = {
        ...{ ...job, task: redact(job.task), warnings: job.warnings?.map(redact) ?? [] },
        ...(job.checks ? { checks: job.checks.map((check) => ({ ...check, command: redact(check.command) })) } : {}),
        ...(job.output === undefined ? {} : { output: redact(job.output) }),
      };
      const line = harmlessText(pullRequestTitle(told.output, told.task), told.task);
      const order = {
        ...{ repo, commit, head: branch, base: baseRef, how: rest },
        title: title.replaceAll("{title}", () => line).replaceAll("{job}", job.id.slice(0, 8)),
        body: pullRequestBody({ job: told, branch, baseRef, commit, ...linkTo(job, config.clientUrl) }),
      };
      const rights: Rights = how.labels.length > 0 ? { ...forUs, issues: "write" } : forUs;
      return await withAccess({ repo, rights, what: "open the pull request" }, (request) =>
        openPullRequest(order, { request, prove, clock, signal }),
      );
    },
    ghVariables: async (repo) => {
      const access = await tokens.find(repo, { rights: forClaude, lastsMs: wholeMs });
      if (!access) return undefined;
      const { host } = new URL(repo.page);
      const token = access.token.reveal();
      // @see https://cli.github.com/manual/gh_help_environment
      if (host === "github.com") return { GH_TOKEN: token };
      return { GH_HOST: host, [host.endsWith(".ghe.com") ? "GH_TOKEN" : "GH_ENTERPRISE_TOKEN"]: token };
    },
    hide: tokens.hide,
  };
}

const notInstalled = (appId: string, { owner, name }: GithubRepository): AppError =>
  new AppError("auth_failed", `The GitHub App ${appId} is not installed for ${owner}/${name}.`, {
    remedy: `Install it at ${owner} with access to ${name}, or set GITHUB_TOKEN beside it.`,
  });

/** A server that others can reach is worth a link. */
const linkTo = ({ id }: Job, url: string | undefined): { link?: string } =>
  url === undefined || /^https?:\/\/(?:localhost|127\.|\[::1\])/i.test(url)
    ? {}
    : { link: `${url.replace(/\/+$/, "")}/jobs/${id}` };
