import { Scope } from "../../shared/api-key.ts";
import { sha256 } from "../../shared/digest.ts";
import type { Secret } from "../../shared/secret.ts";
import type { Caller } from "../deps.ts";
import { sameText } from "./same-text.ts";

/** Whoever may write the configuration may do everything but pass for a runner. */
const configuredScopes = Scope.options.filter((scope) => scope !== "runner");

/**
 * The keys of AGENTICORE_API_KEYS. The tenant is derived from the key's digest, so that a key keeps its jobs over
 * restarts and none is written down. All keys are compared, each to its end: what the time tells is how long the given
 * one is.
 */
export function configuredKeys(keys: readonly Secret[]): (given: string) => Promise<Caller | undefined> {
  const callers = Promise.all(keys.map(async (key) => callerOf(await sha256(key.reveal()))));
  return async (given) => {
    const fits = keys.map((key) => sameText(given, key.reveal()));
    return (await callers)[fits.indexOf(true)];
  };
}

function callerOf(digest: string): Caller {
  const short = digest.slice(0, 8);
  return { tenant: `key-${digest.slice(0, 16)}`, name: `key ${short}`, key: short, scopes: configuredScopes };
}
