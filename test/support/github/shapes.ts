import type { components } from "@octokit/openapi-types";
import type { App, Repo } from "./state.ts";

/** GitHub's published schemas: what the stand-in answers is checked against them by the compiler. */
export type Schemas = components["schemas"];

export function aUser(login: string, api: string): Schemas["simple-user"] {
  const url = `${api}/users/${login}`;
  return {
    login,
    id: idOf(login),
    node_id: nodeId("U", login),
    avatar_url: `${api}/avatars/${login}`,
    gravatar_id: "",
    url,
    html_url: `${webOf(api)}/${login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: login.endsWith("[bot]") ? "Bot" : "User",
    site_admin: false,
  };
}

const collections = {
  ...{ archive: "{archive_format}{/ref}", assignees: "assignees{/user}", blobs: "git/blobs{/sha}" },
  ...{ branches: "branches{/branch}", collaborators: "collaborators{/collaborator}", comments: "comments{/number}" },
  ...{ commits: "commits{/sha}", compare: "compare/{base}...{head}", contents: "contents/{+path}" },
  ...{ contributors: "contributors", deployments: "deployments", downloads: "downloads", events: "events" },
  ...{ forks: "forks", git_commits: "git/commits{/sha}", git_refs: "git/refs{/sha}", git_tags: "git/tags{/sha}" },
  ...{ issue_comment: "issues/comments{/number}", issue_events: "issues/events{/number}", issues: "issues{/number}" },
  ...{ keys: "keys{/key_id}", labels: "labels{/name}", languages: "languages", merges: "merges" },
  ...{ milestones: "milestones{/number}", notifications: "notifications{?since,all,participating}" },
  ...{ pulls: "pulls{/number}", releases: "releases{/id}", stargazers: "stargazers", statuses: "statuses/{sha}" },
  ...{
    subscribers: "subscribers",
    subscription: "subscription",
    tags: "tags",
    teams: "teams",
    trees: "git/trees{/sha}",
  },
  hooks: "hooks",
} as const;
type Urls = { [K in keyof typeof collections as `${K}_url`]: string };

export function aRepository(repo: Repo, api: string): Schemas["repository"] {
  const { owner, name } = repo;
  const url = `${api}/repos/${owner}/${name}`;
  const html_url = `${webOf(api)}/${owner}/${name}`;
  const urls = Object.fromEntries(Object.entries(collections).map(([key, path]) => [`${key}_url`, `${url}/${path}`]));
  const since = "2026-01-01T00:00:00Z";
  return {
    ...(urls as Urls),
    ...{ id: repo.id, node_id: nodeId("R", `${owner}/${name}`), name, full_name: `${owner}/${name}`, url, html_url },
    ...{ owner: aUser(owner, api), private: repo.isPrivate, visibility: repo.isPrivate ? "private" : "public" },
    ...{ description: null, fork: false, license: null, homepage: null, language: null, mirror_url: null, topics: [] },
    ...{ git_url: `git://${html_url.slice(7)}.git`, ssh_url: `git@${html_url.slice(7)}.git`, svn_url: html_url },
    ...{ clone_url: `${html_url}.git`, default_branch: repo.defaultBranch, size: 1, archived: repo.isArchived },
    ...{ forks: 0, forks_count: 0, stargazers_count: 0, watchers: 0, watchers_count: 0 },
    ...{ open_issues: 0, open_issues_count: 0, is_template: false, disabled: false },
    ...{ has_issues: true, has_projects: true, has_wiki: true, has_pages: false, has_downloads: true },
    ...{ pushed_at: since, created_at: since, updated_at: since, has_discussions: false },
  };
}

/** What one repository's page has beside what lists of repositories have. */
export function aFullRepository(
  repo: Repo,
  api: string,
  permissions: Schemas["full-repository"]["permissions"],
): Schemas["full-repository"] {
  const { pushed_at, created_at, updated_at, temp_clone_token, ...rest } = aRepository(repo, api);
  const since = "2026-01-01T00:00:00Z";
  return {
    ...rest,
    ...{ pushed_at: since, created_at: since, updated_at: since, has_discussions: false },
    ...{ subscribers_count: 1, network_count: 0, ...(permissions ? { permissions } : {}) },
  };
}

export const aLabel = (
  name: string,
  { owner, name: repo }: Repo,
  api: string,
): Schemas["label"] & { description: string } => ({
  id: idOf(name),
  node_id: nodeId("LA", name),
  url: `${api}/repos/${owner}/${repo}/labels/${encodeURIComponent(name)}`,
  name,
  description: "",
  color: "ededed",
  default: false,
});

export const anInstallation = (app: App, api: string): Schemas["installation"] => ({
  id: app.installationId,
  account: aUser(app.owner, api),
  repository_selection: app.repositories ? "selected" : "all",
  access_tokens_url: `${api}/app/installations/${app.installationId}/access_tokens`,
  repositories_url: `${api}/installation/repositories`,
  html_url: `${webOf(api)}/organizations/${app.owner}/settings/installations/${app.installationId}`,
  app_id: app.id,
  target_id: idOf(app.owner),
  target_type: "Organization",
  permissions: { ...app.permissions, metadata: "read" },
  events: [],
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  single_file_name: null,
  app_slug: slugOf(app),
  suspended_by: app.suspendedAt === null ? null : aUser(app.owner, api),
  suspended_at: app.suspendedAt,
});

export const anApp = (app: App, api: string): NonNullable<Schemas["integration"]> => ({
  id: app.id,
  slug: slugOf(app),
  node_id: nodeId("A", String(app.id)),
  owner: aUser(app.owner, api),
  name: "Agenticore Test",
  description: null,
  external_url: "https://example.com",
  html_url: `${webOf(api)}/apps/${slugOf(app)}`,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  permissions: { ...app.permissions, metadata: "read" },
  events: [],
  installations_count: 1,
});

export const slugOf = ({ id }: Pick<App, "id">): string => `agenticore-${id}`;
export const nodeId = (kind: string, name: string): string => `${kind}_${Buffer.from(name).toString("base64url")}`;
/** Some number that is always the same for the same name. */
export const idOf = (name: string): number => [...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1e9, 7);
const webOf = (api: string): string => api.replace(/\/api\/v3$/, "");
