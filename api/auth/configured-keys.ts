import { Scope } from "../../shared/api-key.ts";
import { sha256 } from "../../shared/digest.ts";
import type { Secret } from "../../shared/secret.ts";
import type { Caller } from "../asked.ts";
import { sameText } from "./same-text.ts";

/** Whoever may write the configuration may do everything but pass for a runner. */
const configuredScopes = Scope.options.filter((scope) => scope !== "runner");

/**
 * The keys of AGENTICORE_API_KEYS. The tenant is derived from the key's digest, so that a key keeps its jobs over
 * restarts and none is written down. All keys are compared, each to its end: what the time tells is how long the given
 * one is.
 */
export function configuredKeys(keys: readonly Secret[]): (given: string) => Promise<Caller> | Caller | undefined {
  const callers: (Promise<Caller> | Caller)[] = keys.map(async (key, index) => {
    const caller = callerOf(await sha256(key.reveal()));
    callers[index] = caller;
    return caller;
  });
  return (given) => {
    let found = -1;
    for (const [index, key] of keys.entries()) if (sameText(given, key.reveal())) found = index;
    return callers[found];
  };
}

function callerOf(digest: string): Caller {
  const short = digest.slice(0, 8);
  return { tenant: `key-${digest.slice(0, 16)}`, name: `key ${short}`, key: short, scopes: configuredScopes };
}
