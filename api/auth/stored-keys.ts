import { type ApiKeyRecord, apiKeyId } from "../../shared/api-key.ts";
import { iso } from "../../shared/clock.ts";
import { sha256 } from "../../shared/digest.ts";
import { AppError, isStoreAway } from "../../shared/error.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Caller } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { sameText } from "./same-text.ts";

type Seen = Readonly<{ record: ApiKeyRecord; at: number }>;

/** While the store is away, a key that was good so long ago is still good here. */
const rememberedMs = 600_000;
const maxRemembered = 1_000;
/** A store that has just not answered is not waited for by every request anew. */
const outMs = 2_000;
const betweenTouchesMs = 60_000;

/**
 * Keys of `agenticore keys`, read from the store with each request, so that a revoked one ends at once. A key has 256
 * random bits: there is nothing to guess, and a plain SHA-256 of it is as good as a slow hash, which is for passwords.
 * @throws AppError `unauthorized` for one that has expired or was revoked; `store_unavailable`.
 */
export function storedKeys({
  store,
  clock,
}: Pick<ApiDeps, "store" | "clock">): (given: string) => Promise<Caller | undefined> {
  const seen = new Map<string, Seen>();
  let outUntil = Number.NEGATIVE_INFINITY;

  const find = async (id: string): Promise<ApiKeyRecord | undefined> => {
    const last = seen.get(id);
    const remembered = last && clock.uptime() - last.at <= rememberedMs ? last.record : undefined;
    if (remembered && clock.uptime() < outUntil) return remembered;
    try {
      return await store.findKey(id);
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      outUntil = clock.uptime() + outMs;
      if (remembered) return remembered;
      throw error;
    }
  };
  const remember = (record: ApiKeyRecord): void => {
    if (clock.uptime() < outUntil) return;
    keepNewest(seen, [record.id, { record, at: clock.uptime() }], maxRemembered);
  };
  const noteUse = async (record: ApiKeyRecord): Promise<void> => {
    if (record.last_used_at && clock.now() - Date.parse(record.last_used_at) < betweenTouchesMs) return;
    if (clock.uptime() < outUntil) return;
    await store.touchKey(record.id, iso(clock.now())).catch(() => undefined); // it is for people: no request fails by it
  };

  return async (given) => {
    const id = apiKeyId(given);
    if (id === undefined) return undefined;
    const record = await find(id);
    if (!sameText(await sha256(given), record?.digest ?? "") || !record) return undefined;
    checkLife(record, clock.now());
    remember(record);
    await noteUse(record);
    return callerOf(record);
  };
}

function checkLife({ id, revoked_at, expires_at }: ApiKeyRecord, now: number): void {
  const why =
    revoked_at !== undefined
      ? `was revoked at ${revoked_at}`
      : expires_at !== undefined && Date.parse(expires_at) <= now
        ? `has expired at ${expires_at}`
        : undefined;
  if (why)
    throw new AppError("unauthorized", `The API key ak_${id}_… ${why}.`, {
      remedy: "Ask for a new key: `agenticore keys create`.",
    });
}

function callerOf({ id, name, tenant, scopes, repos, pools, profiles, rate }: ApiKeyRecord): Caller {
  const reach = { ...(repos ? { repos } : {}), ...(pools ? { pools } : {}), ...(profiles ? { profiles } : {}) };
  return { tenant, name: `key ${name}`, key: id, scopes, reach, ...(rate === undefined ? {} : { rate }) };
}
