import type { RepoAddress } from "../../shared/repo-url.ts";

/** A repository of the GitHub whose API is asked. */
export type GithubRepository = Readonly<{
  owner: string;
  name: string;
  /** Where people see it, without a trailing slash. */
  page: string;
}>;

/**
 * A repository is GitHub's when its host is github.com or the host of GITHUB_API_URL (contract 6); of a data residency
 * tenant the API's host is `api.` before it. A GitHub Enterprise Server, whose API's path is `/api/v3`, knows nothing of
 * github.com: its token is not shown there. @see https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
 */
export function githubRepository(address: RepoAddress, apiUrl: string): GithubRepository | undefined {
  if (address.scheme === "local") return undefined;
  const api = new URL(apiUrl);
  const host = address.scheme === "ssh" ? (address.host ?? "") : new URL(address.url).host;
  const apiHost = address.scheme === "ssh" ? api.hostname : api.host;
  const isOwn = (host === apiHost && host !== "api.github.com") || `api.${host}` === apiHost;
  const isEnterprise = /^\/api\/v3\/?$/.test(api.pathname);
  if (!isOwn && (host !== "github.com" || isEnterprise)) return undefined;
  const [owner = "", name = "", ...more] = address.path.split("/").slice(1);
  if (more.length > 0 || !namePart.test(owner) || !namePart.test(name)) return undefined;
  const origin = address.scheme === "http" ? `http://${host}` : `https://${host}`;
  return { owner, name, page: `${origin}/${owner}/${name}` };
}

/** Names may have dots: `next.js`, `somebody.github.io`. */
const namePart = /^[A-Za-z0-9_.-]+$/;
