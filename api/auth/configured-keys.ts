import { Scope } from "../../shared/api-key.ts";
import { sha256 } from "../../shared/digest.ts";
import type { Secret } from "../../shared/secret.ts";
import type { Caller } from "../deps.ts";
import { sameText } from "./same-text.ts";

/** Whoever may write the configuration may do everything but pass for a runner. */
const configuredScopes = Scope.options.filter((scope) => scope !== "runner");

/**
 * The keys of AGENTICORE_API_KEYS. The tenant is derived from the key's digest, so that a key keeps its jobs over
 * restarts and none is written down. All digests are compared, each to its end.
 */
export function configuredKeys(keys: readonly Secret[]): (given: string) => Promise<Caller | undefined> {
  const known = Promise.all(keys.map((key) => sha256(key.reveal())));
  return async (given) => {
    const digest = await sha256(given);
    const fits = (await known).map((candidate) => sameText(digest, candidate));
    if (!fits.includes(true)) return undefined;
    const short = digest.slice(0, 8);
    return { tenant: `key-${digest.slice(0, 16)}`, name: `key ${short}`, key: short, scopes: configuredScopes };
  };
}
