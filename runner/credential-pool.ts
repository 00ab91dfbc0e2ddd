import type { Clock } from "../shared/clock.ts";
import type { Secret } from "../shared/secret.ts";

/** One way to pay for the model: an API key, or a subscription's token of `claude setup-token`. */
export type Credential = Readonly<{ kind: "api_key" | "oauth_token"; secret: Secret }>;

/** The runner's credentials, in the order in which they are to be used. What one box learns of a limit, it alone knows. */
export type CredentialPool = Readonly<{
  /** The first that no limit holds up, else the one that is free again soonest; undefined where there is none of the kind. */
  pick: (kind?: Credential["kind"]) => Credential | undefined;
  /** This one is not asked again before `untilMs`, in milliseconds since 1970. */
  limited: (credential: Credential, untilMs: number) => void;
  /** Whether one of the kind can be used now. */
  hasFree: (kind?: Credential["kind"]) => boolean;
}>;

export function openCredentialPool(secrets: readonly Secret[], clock: Pick<Clock, "now">): CredentialPool {
  const all = secrets.map((secret): Credential => ({ kind: kindOf(secret), secret }));
  const until = new Map<Credential, number>();
  const waitOf = (credential: Credential) => Math.max(0, (until.get(credential) ?? 0) - clock.now());
  const ofKind = (kind?: Credential["kind"]) => all.filter((each) => kind === undefined || each.kind === kind);
  return {
    pick: (kind) => ofKind(kind).toSorted((a, b) => waitOf(a) - waitOf(b))[0],
    limited: (credential, untilMs) => void until.set(credential, untilMs),
    hasFree: (kind) => ofKind(kind).some((credential) => waitOf(credential) === 0),
  };
}

/** Anthropic's subscriptions have tokens of this shape. */
const kindOf = (secret: Secret): Credential["kind"] =>
  secret.reveal().startsWith("sk-ant-oat") ? "oauth_token" : "api_key";

/** The variables that say how Claude pays, for this credential and no other. */
export const variablesOf = ({ kind, secret }: Credential): Readonly<Record<string, string | undefined>> => ({
  ANTHROPIC_API_KEY: kind === "api_key" ? secret.reveal() : undefined,
  ANTHROPIC_AUTH_TOKEN: undefined,
  CLAUDE_CODE_OAUTH_TOKEN: kind === "oauth_token" ? secret.reveal() : undefined,
});
