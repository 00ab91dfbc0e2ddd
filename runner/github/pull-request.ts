import { z } from "zod";
import type { Clock } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import type { Profile } from "../../shared/profile.ts";
import { type GithubRequest, isRefusal } from "./client.ts";
import { renewedBody } from "./pull-request-body.ts";
import type { GithubRepository } from "./repository.ts";

export type PullRequestOrder = Readonly<{
  repo: GithubRepository;
  /** Our own branch, pushed; and the branch that it shall go into. */
  head: string;
  base: string;
  commit: string;
  title: string;
  body: string;
  how: Omit<Profile["pr"], "title">;
}>;
/** `found`: it had been merged or closed with this very commit, and is left alone. */
export type PullRequestEnd = Readonly<{
  url: string;
  how: "opened" | "updated" | "found";
  warnings: readonly string[];
}>;
type Means = Readonly<{
  request: GithubRequest;
  /** Asked right before each change at GitHub; throws where it may not be made any more. */
  prove: () => Promise<void>;
  clock: Clock;
  signal: AbortSignal;
}>;

const Pull = z.object({
  number: z.int(),
  html_url: z.url(),
  state: z.string(),
  body: z.string().nullish(),
  head: z.object({ sha: z.string() }),
});
type Pull = z.infer<typeof Pull>;
const Owner = z.object({ name: z.string(), owner: z.object({ login: z.string() }) });

/**
 * Opens the pull request of a branch, or renews the one that is there: never a second one.
 * @throws GitHub's refusals as they come; whatever `prove` throws.
 */
export async function openPullRequest(order: PullRequestOrder, means: Means): Promise<PullRequestEnd> {
  const { request, signal } = means;
  const { repo, ...asked } = order;
  // Renamed repositories are found by their old name; branches are named by their owner of today.
  const { data } = await request("GET /repos/{owner}/{repo}", { ...pathOf(repo), request: { signal } });
  const { owner, name } = Owner.parse(data);
  const at = { order: { ...asked, repo: { ...repo, owner: owner.login, name } }, means };
  const found = await findPull(at);
  if (found) return await renew(at, found);
  try {
    return await open(at);
  } catch (error) {
    // Another attempt, or a person, was quicker.
    const other =
      isRefusal(error) && error.status === 422 && /already exists/.test(error.message) && (await findPull(at));
    if (!other) throw error;
    return await renew(at, other);
  }
}

type At = Readonly<{ order: PullRequestOrder; means: Means }>;
const pathOf = ({ owner, name }: GithubRepository) => ({ owner, repo: name });

/** The open one of this branch, else one that ended with this very commit. */
async function findPull({ order: { repo, head, commit }, means: { request, signal } }: At): Promise<Pull | undefined> {
  const { data } = await request("GET /repos/{owner}/{repo}/pulls", {
    ...{ ...pathOf(repo), head: `${repo.owner}:${head}`, state: "all", per_page: 100, request: { signal } },
  });
  const pulls = z.array(Pull).parse(data);
  return pulls.find(({ state }) => state === "open") ?? pulls.find((pull) => pull.head.sha === commit);
}

async function renew({ order, means }: At, pull: Pull): Promise<PullRequestEnd> {
  if (pull.state !== "open") return { url: pull.html_url, how: "found", warnings: [] };
  const body = renewedBody(pull.body ?? "", order.body);
  if (body !== undefined && body !== pull.body) {
    await means.prove();
    await means.request("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...{ ...pathOf(order.repo), pull_number: pull.number, body, request: { signal: means.signal } },
    });
  }
  return { url: pull.html_url, how: "updated", warnings: await dress({ order, means }, pull) };
}

async function open({ order, means }: At): Promise<PullRequestEnd> {
  const { title, head, base, body, how } = order;
  const create = async (draft: boolean) => {
    await means.prove();
    return await means.request("POST /repos/{owner}/{repo}/pulls", {
      ...{ ...pathOf(order.repo), title, head, base, body, draft, request: { signal: means.signal } },
    });
  };
  const created = async (draft: boolean) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return Pull.parse((await create(draft)).data);
      } catch (error) {
        // A branch that was pushed this moment may not be known everywhere yet.
        if (tries >= 3 || !isRefusal(error) || !/"field":"head","code":"invalid"/.test(error.message)) throw error;
        await means.clock.sleep(500 * 2 ** tries, means.signal);
      }
    }
  };
  try {
    const pull = await created(how.draft);
    return { url: pull.html_url, how: "opened", warnings: await dress({ order, means }, pull) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (/"field":"base","code":"invalid"/.test(error.message)) throw noBranch(order);
    if (!how.draft || !/draft pull requests are not supported/i.test(error.message)) throw error;
    const pull = await created(false);
    const warning = "The repository has no draft pull requests, so this one is none.";
    return { url: pull.html_url, how: "opened", warnings: [warning, ...(await dress({ order, means }, pull))] };
  }
}

const noBranch = ({ base, head, repo }: PullRequestOrder): AppError =>
  new AppError(
    "pr_failed",
    `${base} is no branch of ${repo.owner}/${repo.name}, and a pull request goes into a branch.`,
    {
      remedy: `Open it by hand: ${repo.page}/compare/${head}`,
    },
  );

/** Labels and reviewers: where GitHub does not take them, the pull request is there all the same. */
async function dress({ order, means }: At, pull: Pull): Promise<readonly string[]> {
  const { labels, reviewers } = order.how;
  const path = { ...pathOf(order.repo), request: { signal: means.signal } };
  const steps: [string, () => Promise<unknown>][] = [];
  if (labels.length > 0)
    steps.push([
      `The labels ${labels.join(", ")} could not be put on the pull request`,
      () =>
        means.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", {
          ...{ ...path, issue_number: pull.number, labels },
        }),
    ]);
  if (reviewers.length > 0)
    steps.push([
      `A review by ${reviewers.join(", ")} could not be asked for`,
      () =>
        means.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", {
          ...{ ...path, pull_number: pull.number },
          reviewers: reviewers.filter((name) => !name.includes("/")),
          team_reviewers: reviewers.flatMap((name) => name.split("/")[1] ?? []),
        }),
    ]);
  const warnings: string[] = [];
  for (const [sentence, act] of steps) {
    await means.prove();
    await act().catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      warnings.push(`${sentence}: ${error.message.replace(/ - https:\/\/docs\.github\S*$/, "")}`);
    });
  }
  return warnings;
}
