import { type ApiKeyRecord, newApiKey } from "../../shared/api-key.ts";
import { sha256 } from "../../shared/digest.ts";
import type { JobStore } from "../../shared/store.ts";

/** A key that `store` knows, made as `agenticore keys create` makes one; with the header that carries it. */
export async function savedKey(store: JobStore, facts: Partial<ApiKeyRecord> = {}) {
  const { id, key } = newApiKey((count) => crypto.getRandomValues(new Uint8Array(count)));
  const record: ApiKeyRecord = {
    ...{ id, digest: await sha256(key), name: "laptop", tenant: `key-${id}` },
    scopes: ["submit", "read", "cancel"],
    created_at: "2026-01-01T00:00:00.000Z",
    ...facts,
  };
  await store.saveKey(record);
  return { id, key, record, as: { authorization: `Bearer ${key}` } };
}
