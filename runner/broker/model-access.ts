import type { Config } from "../../shared/config-keys.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** How the model is reached and paid for, where that is by a key: what the broker needs and a job does not. */
export type ModelAccess = Readonly<{
  /** Where the Messages API is; it may have a path of its own, as gateways do. */
  upstream: URL;
  /** Which variables hold a key, and the header that Claude sends each in. */
  keys: readonly ModelKey[];
  /** ANTHROPIC_CUSTOM_HEADERS: gateways have their own secrets in it. */
  headers: Readonly<Record<string, string>>;
}>;
export type ModelKey = Readonly<{ variable: KeyVariable; header: "x-api-key" | "authorization"; value: string }>;
type KeyVariable = "ANTHROPIC_API_KEY" | "ANTHROPIC_AUTH_TOKEN";

const defaultUpstream = "https://api.anthropic.com";
const headerOf = { ANTHROPIC_API_KEY: "x-api-key", ANTHROPIC_AUTH_TOKEN: "authorization" } as const;

/**
 * What the broker stands in for; undefined where Claude proves otherwise who pays: a login, a token of a subscription, a
 * cloud (there Claude signs each request itself), or where the broker is switched off. `variables` are the runner's with
 * the profile's over them. Where a key is set Claude uses it, whatever login there is beside it (measured).
 */
export function modelAccess(variables: Variables, { keyBroker }: Pick<Config, "keyBroker">): ModelAccess | undefined {
  if (!keyBroker || Object.entries(variables).some(([name, value]) => cloud.test(name) && isOn(value)))
    return undefined;
  const keys = (["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] as const).flatMap((variable): ModelKey[] => {
    const value = variables[variable];
    return value ? [{ variable, header: headerOf[variable], value }] : [];
  });
  const address = variables["ANTHROPIC_BASE_URL"] || defaultUpstream;
  if (keys.length === 0 || !/^https?:/i.test(address) || !URL.canParse(address)) return undefined;
  return { upstream: new URL(address), keys, headers: headersIn(variables["ANTHROPIC_CUSTOM_HEADERS"] ?? "") };
}

const cloud = /^CLAUDE_CODE_USE_[A-Z_]+$/;
const isOn = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? "");

/** `Name: value`, one a line. */
const headersIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^\s*([A-Za-z0-9-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      return name && value ? [[name.toLowerCase(), value]] : [];
    }),
  );

/** What Claude is given instead: its variables, undefined for what it does not get at all. */
export function standIn(
  { keys, upstream }: ModelAccess,
  at: Readonly<{ url: string; placeholder: string }>,
): Variables {
  return {
    ANTHROPIC_BASE_URL: at.url,
    ANTHROPIC_CUSTOM_HEADERS: undefined,
    ...Object.fromEntries(keys.map(({ variable }) => [variable, at.placeholder])),
    // Else Claude takes the broker for somebody's gateway, and leaves out what only the API itself knows (measured).
    ...(upstream.origin === defaultUpstream ? { _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: "1" } : {}),
  };
}
