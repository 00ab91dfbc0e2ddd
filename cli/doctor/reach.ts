import { z } from "zod";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import { clientOf } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { broken, type Check, ok, warn } from "./check.ts";

const patienceMs = 5_000;

/** A server that is not up is no fault of the machine's. */
export async function checkServer(cli: CliContext, config: Config): Promise<Check> {
  const client = clientOf(cli, config);
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const { version } = await client.health({ signal });
    const runners = await client.runners({ signal });
    const says = `agenticore ${version} at ${client.url}`;
    if (version !== cli.version)
      return warn(
        "server",
        `${says}, and this is ${cli.version}.`,
        "Use one version on both sides: `agenticore update`.",
      );
    return runners.length > 0
      ? ok("server", says)
      : warn("server", `${says} has no runner.`, "Start one with `agenticore runner`.");
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return warn("server", signal.aborted ? `${client.url} does not answer within 5 s.` : message, remedy);
  }
}

const User = z.object({ login: z.string() });

/** Whether GitHub takes the token and, where a classic one tells them, its scopes. Nothing without a token. */
export async function checkGithub({ fetch }: CliContext, { githubToken, githubApiUrl }: Config): Promise<Check[]> {
  if (githubToken === undefined) return [];
  const mend = "Make a token with the rights Contents and Pull requests (read and write), and set GITHUB_TOKEN.";
  try {
    const response = await fetch(`${githubApiUrl.replace(/\/+$/, "")}/user`, {
      headers: { authorization: `Bearer ${githubToken.reveal()}`, accept: "application/vnd.github+json" },
      signal: AbortSignal.timeout(patienceMs),
      redirect: "error",
    });
    if (!response.ok) return [broken("github", `GitHub refuses the token (${response.status}).`, mend)];
    const user = User.safeParse(await response.json());
    const says = user.success ? `token of ${user.data.login}` : "the token is taken";
    const scopes = response.headers.get("x-oauth-scopes")?.split(/,\s*/);
    // Fine-grained tokens and those of an App have no such header.
    if (scopes && !scopes.includes("repo")) return [warn("github", `${says}, without the scope \`repo\`.`, mend)];
    return [ok("github", says)];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [warn("github", `${githubApiUrl} cannot be reached (${why}).`, "Check the network and GITHUB_API_URL.")];
  }
}
