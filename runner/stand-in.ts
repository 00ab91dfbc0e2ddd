import { modelAccess, standIn } from "./broker/model-access.ts";
import type { Verdict } from "./claude/judge.ts";
import { variablesOf } from "./credential-pool.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { LoadedProfile } from "./profile/extend.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Holding = Readonly<{ keeper: LeaseKeeper; signal: AbortSignal }>;
type Variables = Readonly<Record<string, string | undefined>>;
type Deps = Pick<RunnerDeps, "broker" | "surroundings" | "config" | "clock" | "credentials">;

type StandIn = Readonly<{
  /** The runner's environment, with the credential that this attempt uses. */
  surroundings: Variables;
  /** What Claude is given instead of the model's key; empty where the broker does not stand in. */
  variables: Variables;
  /** Bytes of the model's answers so far; 0 where they do not come this way. */
  heard: () => number;
  /** Where this attempt's credential has met its limit and another has not, the job goes on with that one at once. */
  moveOn: (verdict: Verdict) => Verdict;
}>;

/** How Claude pays, and what it is given for that: as long as the job is ours and this is not disposed. */
export function standInFor({ profile }: LoadedProfile, { keeper, signal }: Holding, deps: Deps): Disposable & StandIn {
  const { broker, config, clock, credentials } = deps;
  const kind = profile.network === "off" ? "api_key" : undefined;
  const credential = payers.some((name) => profile.env[name]) ? undefined : credentials.pick(kind);
  const surroundings = { ...deps.surroundings, ...(credential ? variablesOf(credential) : {}) };
  const moveOn = (verdict: Verdict): Verdict => {
    const { retry } = verdict;
    if (credential === undefined || retry.kind !== "waiting") return verdict;
    credentials.limited(credential, retry.untilMs);
    return credentials.hasFree(kind) ? { ...verdict, retry: { ...retry, untilMs: clock.now() } } : verdict;
  };
  const access = modelAccess({ ...surroundings, ...profile.env }, config);
  if (access === undefined)
    return { surroundings, variables: {}, heard: () => 0, moveOn, [Symbol.dispose]: () => undefined };
  const place = broker.open({ access, signal, holds: () => clock.uptime() < keeper.grant().hardAt });
  const variables = standIn(access, place);
  return { surroundings, variables, heard: place.answered, moveOn, [Symbol.dispose]: () => place[Symbol.dispose]() };
}

/** A profile that has one of these pays by itself. */
const payers = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
