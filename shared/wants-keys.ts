import type { Secret } from "./secret.ts";

export type KeyFacts = Readonly<{ apiKeys: readonly Secret[]; requireKeys?: boolean }>;

/** Whether every caller must say who they are. Configured, never found out: what is in the store does not change it. */
export const wantsKeys = ({ apiKeys, requireKeys = false }: KeyFacts): boolean => apiKeys.length > 0 || requireKeys;
