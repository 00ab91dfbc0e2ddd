import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import { beginSession, findSession } from "./begin-session.ts";
import type { ExportedTelemetry } from "./claude/environment.ts";
import { findClaude } from "./claude/find-claude.ts";
import { planRun, type RunPlan } from "./claude/plan.ts";
import type { Meter } from "./claude/usage-receiver.ts";
import type { JobPlaces } from "./places.ts";
import { flagArguments } from "./profile/claude-flags.ts";
import type { LoadedProfile } from "./profile/extend.ts";
import { findLogin, storageOf } from "./profile/login.ts";
import { materialize } from "./profile/materialize.ts";
import { repoConfigOf } from "./profile/repo-config.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { excludesFor, readPlaced } from "./setup/placed.ts";
import { whileAway } from "./while-away.ts";
import type { Workplace } from "./workplace.ts";

export type SetUp = Readonly<{ plan: RunPlan; resumed: boolean; warnings: readonly string[] }>;
type Variables = Readonly<Record<string, string | undefined>>;
type Facts = Readonly<{
  job: Job;
  sessionId: string;
  /** The conversation began with this job; otherwise it is continued because the caller named it. */
  ownSession: boolean;
  profile: LoadedProfile;
  work: Workplace;
  own: JobPlaces;
  meter: Meter;
  /** What Claude is given instead of the model's key. */
  standIn: Variables;
  exported: ExportedTelemetry | undefined;
}>;

/** Makes everything that Claude finds when it starts. @throws AppError `session_not_found`, `claude_not_found`, `profile_invalid`, `disk_full`. */
export async function setUp(facts: Facts, deps: RunnerDeps, signal: AbortSignal): Promise<SetUp> {
  const { job, profile, work, own, sessionId } = facts;
  const { config, surroundings, places, packageRoot } = deps;
  const claude = await findClaude({ binary: config.claudeBinary, path: surroundings["PATH"] ?? "", cwd: deps.cwd });
  const { repoConfig, warnings } = repoConfigOf(profile.profile, {
    trusted: config.trustedRepos,
    ...(job.repo_url === undefined ? {} : { url: job.repo_url }),
  });
  await Promise.all([
    mkdir(own.run, { recursive: true, mode: 0o700 }),
    mkdir(own.tmp, { recursive: true, mode: 0o700 }),
  ]);
  const session = { configDir: own.config, sessions: places.sessions, sessionId };
  const talk = { job, session, ownSession: facts.ownSession, work };
  const found = await whileAway(() => findSession(talk, deps.copies), {
    ...{ clock: deps.clock, capMs: deps.times.urgentMs, signal },
  });
  const made = await materialize({
    profile,
    configDir: own.config,
    worktree: work.path,
    repoConfig,
    ...(config.claudeConfigDir === undefined ? {} : { userConfigDir: config.claudeConfigDir }),
    ...(repoConfig === "all" ? { trustedFolders: [work.path, ...work.visible] } : {}),
  });
  const loginDir = storageOf(findLogin({ variables: { ...surroundings, ...profile.profile.env }, config }));
  const start = await beginSession(talk, found);
  const gh = profile.profile.gh ? await ghFor(job, deps) : { variables: {}, warnings: [] };
  const plan = planRun({
    job,
    profile: profile.profile,
    flags: flagArguments(profile.flags),
    config,
    sessionId,
    start,
    treeLost: start === "continue" && !work.continued,
    interrupted: start !== "continue" && work.continued && (await hasPrinted(own.run)),
    messageId: start === "continue" ? deps.newId() : job.id,
    repoConfig,
    places: {
      claude,
      worktree: work.path,
      configDir: made.configDir,
      tmpDir: own.tmp,
      packageRoot,
      ...(made.mcpConfig === undefined ? {} : { mcpConfig: made.mcpConfig }),
      ...(loginDir === undefined ? {} : { loginDir }),
    },
    surroundings,
    identity: work.identity ?? configured(config),
    usage: { url: facts.meter.url, token: facts.meter.token },
    ...(facts.exported ? { exported: facts.exported } : {}),
    gh: gh.variables,
    standIn: facts.standIn,
    ...(await excludes(own, made.configDir)),
  });
  return { plan, resumed: start !== "new", warnings: [...warnings, ...made.warnings, ...gh.warnings] };
}

/** A profile with `gh: true` wants a token in Claude's environment; without one the job goes on, and says so. */
async function ghFor({ repo_url }: Job, { github }: Pick<RunnerDeps, "github">) {
  const repo = repo_url === undefined ? undefined : github.repository(parseRepoUrl(repo_url));
  const variables = repo && (await github.ghVariables(repo));
  if (variables) return { variables, warnings: [] };
  const why = repo ? "there is no GitHub token" : "the job's repository is not GitHub's";
  return { variables: {}, warnings: [`The profile asks for gh, and ${why}: it has no token.`] };
}

/** A file of git's for what `readyTree` has placed, where that is something. */
async function excludes({ run }: JobPlaces, configDir: string): Promise<{ excludesFile?: string }> {
  const text = excludesFor(await readPlaced(run));
  if (text === "") return {};
  const excludesFile = join(configDir, "agenticore-excludes");
  await writeFile(excludesFile, text, { mode: 0o600 });
  return { excludesFile };
}

const configured = ({ gitName, gitEmail }: RunnerDeps["config"]) => ({
  name: gitName ?? "Agenticore",
  email: gitEmail ?? "agenticore@localhost",
});

/** Whether an earlier attempt came to work: its Claude has said something. */
async function hasPrinted(run: string): Promise<boolean> {
  const names = (await readdir(run)).filter((name) => name.startsWith("attempt-"));
  const files = names.flatMap((name) => [join(run, name, "out"), join(run, name, "out.head")]);
  const sizes = files.map(async (file) => (await stat(file).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).some((size) => size > 0);
}
