import { gitIn } from "../sample-repo.ts";
import { aLabel, aRepository, aUser, nodeId, type Schemas } from "./shapes.ts";
import type { Pull, Repo } from "./state.ts";

/** The commit of a branch; undefined where there is no such branch. */
export function commitOf({ path }: Repo, branch: string): string | undefined {
  try {
    return gitIn(path)("rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`);
  } catch {
    return undefined;
  }
}

export const commitsBetween = ({ path }: Repo, base: string, head: string): number =>
  Number(gitIn(path)("rev-list", "--count", `refs/heads/${base}..refs/heads/${head}`));

export function aPullRow(pull: Pull, repo: Repo, api: string): Schemas["pull-request-simple"] {
  const { owner, name } = repo;
  const { number } = pull;
  const path = `${api}/repos/${owner}/${name}`;
  const html_url = `${api.replace(/\/api\/v3$/, "")}/${owner}/${name}/pull/${number}`;
  const url = `${path}/pulls/${number}`;
  const headSha = (pull.state === "closed" ? pull.closedSha : undefined) ?? commitOf(repo, pull.head) ?? "";
  const end = (ref: string, sha: string) => ({
    label: `${owner}:${ref}`,
    ref,
    sha,
    repo: aRepository(repo, api),
    user: aUser(owner, api),
  });
  const closedAt = pull.state === "closed" ? (pull.mergedAt ?? pull.createdAt) : null;
  return {
    ...{ url, html_url, number, id: repo.id * 1000 + number, node_id: nodeId("PR", url) },
    ...{ diff_url: `${html_url}.diff`, patch_url: `${html_url}.patch`, issue_url: `${path}/issues/${number}` },
    ...{ commits_url: `${url}/commits`, review_comments_url: `${url}/comments` },
    ...{ review_comment_url: `${path}/pulls/comments{/number}`, comments_url: `${path}/issues/${number}/comments` },
    statuses_url: `${path}/statuses/${headSha}`,
    ...{ state: pull.state, locked: false, title: pull.title, body: pull.body, draft: pull.draft },
    user: aUser(pull.author, api),
    labels: pull.labels.map((label) => aLabel(label, repo, api)),
    ...{ milestone: null, assignee: null, assignees: [], auto_merge: null },
    requested_reviewers: pull.reviewers.map((login) => aUser(login, api)),
    ...{ created_at: pull.createdAt, updated_at: pull.createdAt, closed_at: closedAt, merged_at: pull.mergedAt },
    merge_commit_sha: null,
    head: end(pull.head, headSha),
    base: end(pull.base, commitOf(repo, pull.base) ?? ""),
    author_association: "CONTRIBUTOR",
    _links: {
      self: { href: url },
      html: { href: html_url },
      issue: { href: `${path}/issues/${number}` },
      comments: { href: `${path}/issues/${number}/comments` },
      commits: { href: `${url}/commits` },
      statuses: { href: `${path}/statuses/${headSha}` },
      review_comments: { href: `${url}/comments` },
      review_comment: { href: `${path}/pulls/comments{/number}` },
    },
  };
}

export function aPull(pull: Pull, repo: Repo, api: string): Schemas["pull-request"] {
  const { user, head, base, requested_teams, ...row } = aPullRow(pull, repo, api);
  const owner = aUser(repo.owner, api);
  const count = pull.state === "open" ? commitsBetween(repo, pull.base, pull.head) : 1;
  return {
    ...row,
    state: pull.state,
    user: user ?? owner,
    head: { ...head, user: owner },
    base: { ...base, user: owner },
    ...{ merged: pull.mergedAt !== null, mergeable: true, mergeable_state: "clean", merged_by: null, rebaseable: true },
    ...{ comments: pull.comments.length, review_comments: 0, maintainer_can_modify: false, commits: count },
    ...changesOf(pull, repo),
  };
}

function changesOf(pull: Pull, repo: Repo) {
  const text = pull.state === "open" ? gitIn(repo.path)("diff", "--shortstat", `${pull.base}...${pull.head}`) : "";
  const count = (word: RegExp) => Number(word.exec(text)?.[1] ?? 0);
  return {
    additions: count(/(\d+) insertion/),
    deletions: count(/(\d+) deletion/),
    changed_files: count(/(\d+) file/),
  };
}
