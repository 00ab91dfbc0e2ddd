import type { Config } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";
import type { Job } from "../../shared/job.ts";
import type { Profile } from "../../shared/profile.ts";
import { claudeArguments, type Start } from "./arguments.ts";
import { claudeEnvironment, type EnvironmentFacts, type Variables } from "./environment.ts";
import { userLine } from "./stdin-line.ts";

export type PlanFacts = Readonly<{
  job: Job;
  profile: Profile;
  /** Flags that the profile names beside ours. */
  flags?: readonly string[];
  config: Pick<Config, "claudeTimeout" | "claudeEnv" | "claudeHomeDir" | "approvalTimeout">;
  sessionId: string;
  start: Start;
  /** An earlier attempt has worked in this tree, and what was said is lost: the task comes with a warning. */
  interrupted?: boolean;
  /** What an earlier attempt did in its tree is lost, and what was said is not: the conversation goes on with a warning. */
  treeLost?: boolean;
  /** A fresh uuid for the first message. */
  messageId: string;
  /** After the check of trust: see `repoConfigOf`. */
  repoConfig: Profile["repo_config"];
  places: Readonly<{
    /** Absolute path of the program. */
    claude: string;
    worktree: string;
    configDir: string;
    tmpDir: string;
    mcpConfig?: string;
    loginDir?: string;
    packageRoot: string;
  }>;
}> &
  Pick<EnvironmentFacts, "surroundings" | "identity" | "usage" | "exported" | "gh" | "standIn" | "excludesFile">;

/** Everything that is needed to start Claude, as data. */
export type RunPlan = Readonly<{
  /** Program first. */
  argv: readonly string[];
  env: Variables;
  cwd: string;
  messageId: string;
  /** The first line for stdin, with its line feed. */
  firstLine: string;
  /** From Claude's start, per attempt. */
  deadlineMs: number;
  /** What this attempt may spend, in US dollars; absent where there is no limit. */
  budgetUsd?: number;
  /** How long a person is waited for, where Claude asks one. */
  approvalMs?: number;
}>;

/** After a lost attempt never the task again: measured, it would do everything twice. */
export const interruptedText = "You were interrupted. Check the state of the work and continue.";

/** Where its folder cannot be reached any more; what it had done elsewhere (an issue, a message) is still done. */
export const treeLostText =
  "You were interrupted, and the folder that you worked in cannot be reached any more. This is a new one: it has what you had pushed, and none of your other changes. Check the state of the work, do again what is missing, and continue.";

/** @throws AppError `budget_exceeded` when earlier attempts have spent the whole budget. */
export function planRun(facts: PlanFacts): RunPlan {
  const { job, profile, config, places, start, messageId } = facts;
  const budgetUsd = budgetLeft(job, profile);
  return {
    argv: [
      places.claude,
      ...claudeArguments({
        profile,
        start,
        sessionId: facts.sessionId,
        repoConfig: facts.repoConfig,
        ...(places.mcpConfig === undefined ? {} : { mcpConfig: places.mcpConfig }),
        ...(budgetUsd === undefined ? {} : { budgetUsd }),
        ...(facts.flags ? { flags: facts.flags } : {}),
      }),
    ],
    env: claudeEnvironment({
      surroundings: facts.surroundings,
      packageRoot: places.packageRoot,
      config,
      profileEnv: profile.env,
      jobId: job.id,
      configDir: places.configDir,
      tmpDir: places.tmpDir,
      ...(places.loginDir === undefined ? {} : { loginDir: places.loginDir }),
      identity: facts.identity,
      ...(facts.usage ? { usage: facts.usage } : {}),
      ...(facts.exported ? { exported: facts.exported } : {}),
      ...(facts.gh ? { gh: facts.gh } : {}),
      ...(facts.excludesFile ? { excludesFile: facts.excludesFile } : {}),
      ...(facts.standIn ? { standIn: facts.standIn } : {}),
    }),
    cwd: places.worktree,
    messageId,
    firstLine: userLine(messageId, firstText(facts)),
    deadlineMs: (job.timeout_seconds ?? profile.claude.timeout ?? config.claudeTimeout) * 1000,
    ...(budgetUsd === undefined ? {} : { budgetUsd }),
    ...(profile.approvals === "ask" ? { approvalMs: (profile.approval_timeout ?? config.approvalTimeout) * 1000 } : {}),
  };
}

function firstText({ start, interrupted, treeLost, job }: PlanFacts): string {
  if (start === "continue") return treeLost ? treeLostText : interruptedText;
  return interrupted ? `${interruptedText} The task is:\n\n${job.task}` : job.task;
}

/** Claude counts one process only, so what earlier attempts spent is taken off here. To a millionth. */
function budgetLeft(job: Job, profile: Profile): number | undefined {
  const limit = job.max_budget_usd ?? profile.claude.max_budget_usd;
  if (limit === undefined) return undefined;
  const left = Math.round((limit - (job.cost_usd ?? 0)) * 1e6) / 1e6;
  if (left <= 0)
    throw new AppError(
      "budget_exceeded",
      `The job's budget of ${limit} USD was used up by earlier attempts (${job.cost_usd} USD).`,
    );
  return left;
}
