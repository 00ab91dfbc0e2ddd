import type { Reach, Scope } from "../shared/api-key.ts";
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
import type { Turn } from "../shared/turn.ts";
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

/** Who asks: what they may see is what their tenant owns. */
export type Caller = Readonly<{
  tenant: string;
  name: string;
  /** What verbs ask for, each for its own. */
  scopes: readonly Scope[];
  /** What tells keys apart in the log, and is no secret. */
  key?: string;
  /** What submissions are narrowed to. */
  reach?: Reach;
  /** Requests a minute, of a key with a rate of its own; 0: as many as it likes. */
  rate?: number;
}>;

/** The bytes of a request, piece by piece for whoever reads next; undefined at the end. */
export type IncomingBody = Readonly<{
  next: () => Promise<Uint8Array | undefined>;
  /** All of it at once, instead of piece by piece, where its length in bytes was told. */
  whole: (length: number) => Promise<Uint8Array>;
  /** Its end was reached, or there is none. */
  isOver: () => boolean;
}>;

/** The request as Node's server has it. */
export type NodeRequest = Readonly<{
  socket?: Readonly<{ remoteAddress?: string | undefined }>;
  /** By their names in lower case. */
  headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** Its body, where it is a stream. */
  destroyed?: boolean;
  on?: (event: "data" | "close", listener: (piece: Uint8Array) => void) => unknown;
}>;

/** A turn of a key that was asked for, beside what is done meanwhile (api/auth/limit-rate.ts). */
export type TakenTurn = {
  readonly limit: number;
  answer: Promise<Turn | undefined>;
  told: Turn | undefined;
  isOver: boolean;
};

/** What middlewares put beside a request, and what Node's server gives with it. */
export type ApiEnv = {
  Bindings: { incoming?: NodeRequest };
  Variables: { asked: Asked; secureHeadersNonce?: string };
};

/** What comes to be known of one request: in one place, since each variable of a `Context` is an entry in a map of its own. */
export class Asked {
  readonly requestId: string;
  /** From authentication on. */
  caller!: Caller;
  /** The key or token that it came with; none where nobody is asked for one. */
  credential: Readonly<{ isStillGood: () => Promise<boolean> }> | undefined;
  /** The turn that was taken for it, where turns are limited. */
  turn: TakenTurn | undefined;
  /** Until it is looked for: none. */
  body: IncomingBody = noBody;
  /** Of the body, once it was read. */
  text: string | undefined;
  /** The answer, where it was made with all its headers. */
  whole: Response | undefined;
  resourceMetadata: string | undefined;

  constructor(requestId: string) {
    this.requestId = requestId;
  }
}

export const noBody: IncomingBody = {
  isOver: () => true,
  whole: async () => new Uint8Array(),
  next: async () => undefined,
};
