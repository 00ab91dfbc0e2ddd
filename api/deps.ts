import type { Budgets } from "../shared/budget.ts";
import type { Clock } from "../shared/clock.ts";
import type { Log } from "../shared/log.ts";
import type { Receivers } from "../shared/notify/receivers.ts";
import type { OAuthScopes } from "../shared/oauth-scopes.ts";
import type { Outlook } from "../shared/outlook.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { RepoAddress } from "../shared/repo-url.ts";
import type { RouteRule } from "../shared/route-rule.ts";
import type { Secret } from "../shared/secret.ts";
import type { JobStore, RunnerRecord } from "../shared/store.ts";
import type { ChooseProfile } from "./choose-profile.ts";

/** Whose access tokens are taken, and what they must be for. */
export type OAuthSettings = Readonly<{
  issuers: readonly string[];
  /** The public address of this server, which tokens have as their audience. */
  resource: string;
  /** Without it scopes go by our names. */
  scopes?: OAuthScopes;
  /** Milliseconds between two looks for a key that is not known; 30 s by default. */
  cooldownMs?: number;
}>;

/** What of the configuration the API looks at. */
export type ApiSettings = Readonly<{
  /** With none, and without `requireKeys`, everybody is the tenant `local`. */
  apiKeys: readonly Secret[];
  /** Also without keys in the configuration every caller needs one: of those in the store. */
  requireKeys?: boolean;
  /** Requests that a key or token may make in a minute; none, or 0: as many as it likes. */
  ratePerMinute?: number;
  /** The header that a proxy of ours writes the client's address into; without one it is the connection's. */
  addressHeader?: string;
  /** Tokens are taken beside keys. */
  oauth?: OAuthSettings;
  /** Only requests that name a loopback host are served: a web page must not reach us by a name of its own (DNS rebinding). */
  loopbackOnly: boolean;
  /** Origins of other web pages that may call us. */
  corsOrigins: readonly string[];
  defaultProfile: string;
  /** Which profile jobs get that name none; the first that fits counts. */
  rules: readonly RouteRule[];
  maxAttempts: number;
  jobTtlSeconds: number;
  queueTtlSeconds: number;
  /** None: nothing is limited. */
  budgets?: Budgets;
  isRepoAllowed: (address: RepoAddress) => boolean;
  /** Who may be notified; nobody without it. */
  receivers?: Receivers;
}>;

/** Runners as they were read, when (`Clock.uptime()`), and what was found out from them since, by profile. */
export type RunnersRead = Readonly<{
  runners: readonly RunnerRecord[];
  at: number;
  offers: Map<string, Offer>;
}>;
/** What it takes to choose a profile: those that there are, and the runners that serve them. */
export type Offer = Readonly<{ profiles: readonly ProfileSummary[]; runners: readonly RunnerRecord[] }>;

/** What the app is given by its entry point. */
export type ApiDeps = Readonly<{
  store: JobStore;
  clock: Clock;
  log: Log;
  /** A random UUID (v4), for jobs, messages and requests. */
  newId: () => string;
  version: string;
  /** The profiles that every runner has. */
  bundled: readonly ProfileSummary[];
  settings: ApiSettings;
  /** Asks a model which profile suits a task; absent where none may be asked. */
  choose?: ChooseProfile;
  /** Asks issuers for their keys. */
  fetch?: typeof fetch;
  /** What this process knows beside the store. */
  outlook?: Outlook;
  /** What was read last, and when (`Clock.uptime()`): for the time in which the store cannot be asked, and for what needs no newer; `createApp` makes one. */
  memory?: { read?: RunnersRead };
  /** Aborted when the process is about to end: whoever waits gets the answer as it stands. */
  stopping?: AbortSignal;
  /** Told of each answer that is no stream: of what a load is. */
  answered?: () => void;
  /** Streams end after so many milliseconds: clients come back with the last id. Without it they last as long as the job. */
  streamMs?: number;
}>;
