import type { Secret } from "./secret.ts";

export type KeyFacts = Readonly<{
  apiKeys: readonly Secret[];
  requireKeys?: boolean;
  oauthIssuers?: readonly string[];
}>;

/** Whether every caller must say who they are. Configured, never found out: what is in the store does not change it. */
export const wantsKeys = ({ apiKeys, requireKeys = false, oauthIssuers = [] }: KeyFacts): boolean =>
  apiKeys.length > 0 || requireKeys || oauthIssuers.length > 0;
