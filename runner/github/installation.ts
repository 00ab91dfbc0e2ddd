import { z } from "zod";
import type { Clock } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import { type GithubRequest, isRefusal } from "./client.ts";
import { toGithubError } from "./failure.ts";
import type { GithubRepository } from "./repository.ts";

/** Rights by GitHub's names of them. */
export type Rights = Readonly<
  Partial<Record<"contents" | "pull_requests" | "issues" | "workflows", "write" | "read">> &
    Partial<Record<"actions" | "checks" | "statuses", "read">>
>;

export type Minted = Readonly<{
  value: string;
  /** What it may do, as GitHub confirmed it. */
  rights: Readonly<Record<string, string>>;
  /** Milliseconds from the request on. */
  lastsMs: number;
}>;

const Installation = z.object({
  id: z.number(),
  permissions: z.record(z.string(), z.string()),
  suspended_at: z.string().nullish(),
});
type Installation = z.infer<typeof Installation>;
const Token = z.object({
  token: z.string().min(1),
  expires_at: z.iso.datetime(),
  permissions: z.record(z.string(), z.string()).default({}),
});

/** How long it is believed what an App may do; who accepts new rights need not wait longer. */
const believedMs = 120_000;

type Facts = Readonly<{ request: GithubRequest; appId: string; installationId: number | undefined; clock: Clock }>;

/** One GitHub App, asked with its key. */
export function openInstallations({ request, appId, installationId, clock }: Facts) {
  const known = new Map<string, Readonly<{ installation: Installation | undefined; until: number }>>();

  async function find(repo: GithubRepository): Promise<Installation | undefined> {
    const key = installationId === undefined ? `${repo.owner}/${repo.name}` : String(installationId);
    const seen = known.get(key);
    if (seen && clock.uptime() < seen.until) return seen.installation;
    const installation = await ask(repo);
    known.set(key, { installation, until: clock.uptime() + believedMs });
    return installation;
  }
  async function ask({ owner, name }: GithubRepository): Promise<Installation | undefined> {
    try {
      const { data } =
        installationId === undefined
          ? await request("GET /repos/{owner}/{repo}/installation", { owner, repo: name })
          : await request("GET /app/installations/{installation_id}", { installation_id: installationId });
      return Installation.parse(data);
    } catch (error) {
      if (isRefusal(error) && error.status === 404) return undefined;
      const doing = {
        what: `find the installation of the App ${appId}`,
        where: `${owner}/${name}`,
        nowMs: clock.now(),
      };
      throw toGithubError(error, doing);
    }
  }

  /** A token for this repository alone, with what of the rights the App has; undefined where it is not installed there. */
  async function mint(repo: GithubRepository, wanted: Rights): Promise<Minted | undefined> {
    const { owner, name } = repo;
    const installation = await find(repo);
    if (!installation) return undefined;
    if (installation.suspended_at)
      throw new AppError("auth_failed", `The GitHub App ${appId} is suspended at ${owner}.`, {
        remedy: "Unsuspend it in the settings of that account, under GitHub Apps.",
      });
    const permissions = Object.fromEntries(
      Object.entries(wanted).filter(([right, level]) => isEnough(installation.permissions[right], level)),
    );
    try {
      const { data, headers } = await request("POST /app/installations/{installation_id}/access_tokens", {
        installation_id: installation.id,
        repositories: [name],
        permissions,
      });
      const { token, expires_at, permissions: rights } = Token.parse(data);
      // By GitHub's own clock, which need not be ours.
      const theirNow = Date.parse(headers.date ?? "");
      const now = Number.isNaN(theirNow) ? clock.now() : theirNow;
      return { value: token, rights, lastsMs: Date.parse(expires_at) - now };
    } catch (error) {
      if (isRefusal(error) && error.status === 422) return undefined; // installed at the owner, but not for this one
      throw toGithubError(error, {
        what: `give the App ${appId} a token`,
        where: `${owner}/${name}`,
        nowMs: clock.now(),
      });
    }
  }
  return { mint, forget: () => known.clear() };
}

const levels = ["read", "write", "admin"];
/** Whether what is there includes what is wanted. */
export const isEnough = (have: string | undefined, wanted: string): boolean =>
  have !== undefined && levels.indexOf(have) >= levels.indexOf(wanted);
