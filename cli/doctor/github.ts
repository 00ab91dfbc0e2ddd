import { z } from "zod";
import { readAppKey } from "../../runner/github/app-key.ts";
import { type GithubAccount, githubClient, isRefusal } from "../../runner/github/client.ts";
import { openGithub } from "../../runner/github/github.ts";
import { isEnough } from "../../runner/github/installation.ts";
import { needed } from "../../runner/github/rights.ts";
import type { Config } from "../../shared/config-keys.ts";
import { AppError, toAppError } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";
import type { CliContext } from "../context.ts";
import { broken, type Check, ok, warn } from "./check.ts";

const patienceMs = 5_000;
const dayMs = 86_400_000;
const rights = "Contents and Pull requests (read and write)";

/** Whether GitHub takes what is configured, and what that may do; nothing where nothing is configured. */
export async function checkGithub(cli: CliContext, config: Config): Promise<Check[]> {
  const found = await Promise.all([
    config.githubToken ? checkToken(cli, config, { token: config.githubToken.reveal() }) : undefined,
    config.githubAppId === undefined ? undefined : checkApp(cli, config, config.githubAppId),
  ]);
  return found.filter((check) => check !== undefined);
}

/** Whether the work of a job on this repository could be pushed and proposed. */
export async function checkRepo({ fetch, clock }: CliContext, config: Config, url: string): Promise<Check> {
  const name = "repository";
  try {
    const github = openGithub(config, { fetch, clock, log: silentLog, redact: (text) => text });
    const repo = github.repository(parseRepoUrl(url));
    if (!repo)
      return warn(
        name,
        `${url} is not GitHub's: no pull request is opened there.`,
        "Set GITHUB_API_URL to a GitHub of your own.",
      );
    if (await github.mayPropose(repo, AbortSignal.timeout(4 * patienceMs)))
      return ok(name, `branches can be pushed to ${repo.page}, and pull requests opened`);
    return warn(name, `There is no token for ${repo.page}.`, "Set GITHUB_TOKEN, or GITHUB_APP_ID and its key.");
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return broken(name, message, remedy);
  }
}

const User = z.object({ login: z.string() });

async function checkToken(cli: CliContext, config: Config, account: Readonly<{ token: string }>): Promise<Check> {
  const name = "github";
  const mend = `Make a token with the rights ${rights}, and set GITHUB_TOKEN.`;
  if (account.token.startsWith("ghs_"))
    return warn(
      name,
      "GITHUB_TOKEN is of a GitHub App's installation: it is over an hour after it was made.",
      "Give the App itself: GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY; then tokens are made as jobs need them.",
    );
  try {
    const { data, headers } = await clientOf(cli, config, account)("GET /user");
    const says = `token of ${User.parse(data).login}`;
    const until = Date.parse(String(headers["github-authentication-token-expiration"] ?? "").replace(" UTC", "Z"));
    const days = Math.floor((until - cli.clock.now()) / dayMs);
    if (days < 14)
      return warn(name, `${says}, which is over in ${days} days.`, "Make a new one in time, and set GITHUB_TOKEN.");
    const scopes = headers["x-oauth-scopes"]?.split(/,\s*/);
    // Fine-grained tokens have no such header: what they may do is asked of a repository.
    if (!scopes) return ok(name, `${says}; \`agenticore doctor --repo <url>\` shows what it may do there`);
    return scopes.includes("repo") ? ok(name, says) : warn(name, `${says}, without the scope \`repo\`.`, mend);
  } catch (error) {
    return failed(error, { what: "the token", mend, apiUrl: config.githubApiUrl });
  }
}

const App = z.object({ name: z.string(), permissions: z.record(z.string(), z.string()) });
const Installations = z.array(
  z.object({
    id: z.number(),
    account: z.object({ login: z.string() }),
    permissions: z.record(z.string(), z.string()),
    suspended_at: z.string().nullish(),
  }),
);

async function checkApp(cli: CliContext, config: Config, appId: string): Promise<Check> {
  const mend = "Check GITHUB_APP_ID and the key: they are on the App's page, under General.";
  try {
    const request = clientOf(cli, config, { appId, privateKey: await readAppKey(config) });
    const app = App.parse((await request("GET /app")).data);
    const all = Installations.parse((await request("GET /app/installations", { per_page: 100 })).data);
    const wanted = config.githubAppInstallationId;
    return judge(
      app,
      all.filter(({ id }) => wanted === undefined || String(id) === wanted),
    );
  } catch (error) {
    return failed(error, { what: `the App ${appId}`, mend, apiUrl: config.githubApiUrl });
  }
}

function judge(app: z.infer<typeof App>, installations: z.infer<typeof Installations>): Check {
  const name = "github";
  const lacking = (have: Readonly<Record<string, string>>) =>
    Object.entries(needed).flatMap(([right, level]) => (isEnough(have[right], level) ? [] : [right]));
  const missing = lacking(app.permissions);
  if (missing.length > 0)
    return broken(
      name,
      `The App ${app.name} has no right to write ${missing.join(", ")}.`,
      `Give it ${rights}, in its settings.`,
    );
  const [first] = installations;
  if (!first)
    return broken(name, `The App ${app.name} is not installed there.`, "Install it where its repositories are.");
  const behind = installations.filter(
    ({ permissions, suspended_at }) => suspended_at || lacking(permissions).length > 0,
  );
  const accounts = (of: typeof installations) => of.map(({ account }) => account.login).join(", ");
  if (behind.length > 0)
    return warn(
      name,
      `The App ${app.name} is suspended, or has not its rights, at ${accounts(behind)}.`,
      "Somebody there must accept them, in the settings of that account, under GitHub Apps.",
    );
  return ok(name, `App ${app.name}, installed at ${accounts(installations)}`);
}

const clientOf = ({ fetch, clock }: CliContext, { githubApiUrl: apiUrl }: Config, account: GithubAccount) =>
  githubClient({ apiUrl, fetch, clock, log: silentLog }, account).defaults({
    request: { signal: AbortSignal.timeout(patienceMs) },
  });

function failed(
  error: unknown,
  { what, mend, apiUrl }: Readonly<{ what: string; mend: string; apiUrl: string }>,
): Check {
  if (error instanceof AppError) return broken("github", error.message, error.remedy);
  if (isRefusal(error) && error.status < 500)
    return broken("github", `GitHub refuses ${what} (${error.status}).`, mend);
  const why = error instanceof Error ? error.message : String(error);
  return warn("github", `${apiUrl} cannot be reached (${why}).`, "Check the network and GITHUB_API_URL.");
}
