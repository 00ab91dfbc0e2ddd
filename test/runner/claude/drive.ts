import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Start } from "../../../runner/claude/arguments.ts";
import { type Evidence, judge, type StopReason, type Verdict } from "../../../runner/claude/judge.ts";
import { type ClaudeMessage, readMessages } from "../../../runner/claude/messages.ts";
import { planRun, type RunPlan } from "../../../runner/claude/plan.ts";
import { closing, mayClose, onFollowUp, onMessage, openSession, type Step } from "../../../runner/claude/session.ts";
import type { Session } from "../../../runner/claude/session-state.ts";
import { flagArguments } from "../../../runner/profile/claude-flags.ts";
import type { LoadedProfile } from "../../../runner/profile/extend.ts";
import { loadProfiles } from "../../../runner/profile/load-profiles.ts";
import { findLogin, storageOf } from "../../../runner/profile/login.ts";
import { materialize } from "../../../runner/profile/materialize.ts";
import { resolveConfig } from "../../../shared/config.ts";
import type { NewEvent } from "../../../shared/event.ts";
import type { Job, Message } from "../../../shared/job.ts";
import { Profile } from "../../../shared/profile.ts";
import { aJob } from "../../support/a-job.ts";
import { claudeBinary } from "../../support/claude-cli.ts";
import type { Desk } from "../../support/desk.ts";

const packageRoot = resolve(import.meta.dirname, "../../..");

export const aConfig = (env: Readonly<Record<string, string>> = {}) =>
  resolveConfig({ env, at: { home: "/home/nobody", hostName: "box", kubernetes: false } }).config;

export const aProfile = (content: unknown = {}): Profile => Profile.parse(content);

/** A profile as it is after loading, made of these folders. */
export const aLoadedProfile = (content: unknown, folders: readonly string[]): LoadedProfile => ({
  ...{ name: "own", source: "user", profile: aProfile(content), folders, flags: {}, layers: [], notes: [] },
});

export const bundledProfile = async (name: string): Promise<LoadedProfile> => {
  const places = { bundled: join(packageRoot, "profiles"), user: "/nonexistent" };
  return (await loadProfiles(places)).get(name);
};

export type DriveOptions = Readonly<{
  profile?: LoadedProfile;
  /** Over what the profile says. */
  claude?: Partial<Profile["claude"]>;
  profileEnv?: Readonly<Record<string, string>>;
  repoConfig?: Profile["repo_config"];
  sessionId?: string;
  start?: Start;
  job?: Partial<Job>;
  env?: Readonly<Record<string, string>>;
  usage?: Readonly<{ url: string; token: string }>;
  worktree?: string;
  /** Called between materialization and start. */
  prepare?: (configDir: string) => Promise<void>;
  /** Called for each message after it was taken in: what else to do. */
  react?: (message: ClaudeMessage, hand: Hand) => void;
}>;
export type At = Readonly<{ desk: Desk; url: string }>;
type Hand = Readonly<{ send: (message: Message) => void; kill: (signal: NodeJS.Signals) => void; pid: number }>;
export type Driven = Readonly<{
  plan: RunPlan;
  session: Session;
  messages: readonly ClaudeMessage[];
  events: readonly NewEvent[];
  /** Ids of the follow-ups that Claude took up. */
  delivered: readonly string[];
  exit: Readonly<{ code: number | null; signal: string | null }>;
  stderr: string;
  configDir: string;
  warnings: readonly string[];
  judged: (more?: Partial<Evidence> & { stop?: StopReason }) => Verdict;
}>;

/** The real CLI, materialized, planned, driven and judged as the runner does it, against the scripted model. */
export async function drive({ desk, url }: At, task: string, options: DriveOptions = {}): Promise<Driven> {
  const loaded = options.profile ?? (await bundledProfile("code"));
  const profile = {
    ...loaded.profile,
    env: { ...loaded.profile.env, ...options.profileEnv },
    claude: { ...loaded.profile.claude, ...options.claude },
  };
  const configDir = join(desk.home, "run", "claude");
  const worktree = options.worktree ?? desk.repo;
  const surroundings: Record<string, string | undefined> = {
    PATH: process.env["PATH"],
    HOME: desk.home,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: "scripted-key",
    CLAUDE_CODE_MAX_RETRIES: "1",
    AGENTICORE_TEST_DESK: desk.home,
    ...options.env,
  };
  const config = aConfig({ CLAUDE_CODE_HOME_DIR: desk.home, AGENTICORE_CLAUDE_ENV: "AGENTICORE_TEST_DESK" });
  const repoConfig = options.repoConfig ?? profile.repo_config;
  const loginDir = storageOf(findLogin({ variables: { ...surroundings, ...profile.env }, config }));
  const made = await materialize({ profile: { ...loaded, profile }, configDir, worktree, repoConfig });
  await options.prepare?.(configDir);
  const tmpDir = join(desk.home, "run", "tmp");
  mkdirSync(tmpDir, { recursive: true });
  const plan = planRun({
    job: aJob({ task, ...options.job }),
    profile,
    flags: flagArguments(loaded.flags),
    config,
    sessionId: options.sessionId ?? randomUUID(),
    start: options.start ?? "new",
    messageId: randomUUID(),
    repoConfig,
    places: {
      ...{ claude: claudeBinary(), worktree, tmpDir, packageRoot },
      ...made,
      ...(loginDir === undefined ? {} : { loginDir }),
    },
    surroundings,
    identity: { name: "Test", email: "test@localhost" },
    ...(options.usage ? { usage: options.usage } : {}),
  });
  return { ...(await follow(plan, options)), configDir, warnings: made.warnings };
}

async function follow(plan: RunPlan, { react, start }: DriveOptions): Promise<Omit<Driven, "configDir" | "warnings">> {
  const [program = "", ...args] = plan.argv;
  const child = spawn(program, args, { cwd: plan.cwd, env: plan.env, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined); // it may have ended: the exit tells
  const closed = once(child, "close");
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const pid = child.pid ?? -1;
  let session = openSession({ messageId: plan.messageId, pid, resumed: start === "resume" || start === "continue" });
  const messages: ClaudeMessage[] = [];
  const events: NewEvent[] = [];
  const delivered: string[] = [];
  const take = (step: Step) => {
    session = step.session;
    events.push(...step.events);
    delivered.push(...step.delivered);
    for (const line of step.writes) child.stdin.write(line);
  };
  const hand: Hand = {
    pid,
    send: (message) => take(onFollowUp(session, message)),
    kill: (signal) => void child.kill(signal),
  };
  child.stdin.write(plan.firstLine);
  for await (const message of readMessages(createInterface({ input: child.stdout }))) {
    messages.push(message);
    take(onMessage(session, message, (text) => text));
    react?.(message, hand);
    if (!mayClose(session)) continue;
    session = closing(session);
    child.stdin.end();
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  const exit = { code, signal };
  const evidence = { session, exit, stderr, transientTries: 0, nowMs: Date.now(), redact: (text: string) => text };
  return {
    plan,
    session,
    messages,
    events,
    delivered,
    exit,
    stderr,
    judged: (more) => judge({ ...evidence, ...more }),
  };
}
