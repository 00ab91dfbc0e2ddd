import { keepNewest } from "../../shared/keep-newest.ts";
import { type TurnCount, takenTurn } from "../../shared/turn.ts";
import type { ApiDeps } from "../deps.ts";
import { RateLimited } from "./rate-limited.ts";

/** What one address may try in vain. */
const mostFailures = { limit: 60, windowMs: 60_000 };
/** What was good so recently is looked at in any case: others behind the same address are not locked out. */
const goodMs = 600_000;
/** What was noted so recently is not noted again. */
const notedMs = 60_000;
const maxAddresses = 10_000;
const maxGood = 10_000;

/**
 * Keys and tokens that open nothing, by the address that they came from. In this process alone: strangers cause no
 * write in the store. Over the bound, what was not good lately is refused unseen.
 */
export function failedAttempts({ clock, newId }: Pick<ApiDeps, "clock" | "newId">) {
  const failures = new Map<string, TurnCount>();
  const good = new Map<number, number>();
  const salt = trace(0x811c9dc5, newId());
  const wasGood = (given: string): boolean =>
    clock.uptime() - (good.get(trace(salt, given)) ?? Number.NEGATIVE_INFINITY) < goodMs;

  return {
    /** @throws RateLimited. */
    check: (from: () => string | undefined, given: string): void => {
      const address = failures.size === 0 ? undefined : from();
      const kept = address === undefined ? undefined : failures.get(address);
      if (!kept || wasGood(given)) return;
      const { turn } = takenTurn(kept, mostFailures, Math.floor(clock.uptime()));
      if (!turn.allowed)
        throw new RateLimited("Too many keys or tokens from your address were not valid.", turn.resetMs);
    },
    failed: (from: () => string | undefined): void => {
      const address = from();
      if (address === undefined) return;
      const { count } = takenTurn(failures.get(address), mostFailures, Math.floor(clock.uptime()));
      keepNewest(failures, [address, count], maxAddresses);
    },
    succeeded: (given: string): void => {
      const name = trace(salt, given);
      const now = clock.uptime();
      if (now - (good.get(name) ?? Number.NEGATIVE_INFINITY) < notedMs) return;
      keepNewest(good, [name, now], maxGood);
    },
  };
}

/**
 * FNV-1a (isthe.com/chongo/tech/comp/fnv), salted anew in each process: keys themselves are not kept. It lets nobody in: what
 * has the same by chance is looked at like any other.
 */
function trace(salt: number, given: string): number {
  let hash = salt;
  for (let at = 0; at < given.length; at += 1) hash = Math.imul(hash ^ given.charCodeAt(at), 0x01000193);
  return hash;
}
