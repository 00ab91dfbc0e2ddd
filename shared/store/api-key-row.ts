import type { ApiKeyRecord } from "../api-key.ts";

/** What of a key changes while it lives: kept beside its record. */
export type KeyMarks = Readonly<{ used?: string | null | undefined; revoked?: string | null | undefined }>;

/** The record as a store keeps it: what never changes. */
export const keyText = ({ last_used_at: _used, revoked_at: _revoked, ...record }: ApiKeyRecord): string =>
  JSON.stringify(record);

export const keyOf = (record: string, { used, revoked }: KeyMarks): ApiKeyRecord => ({
  ...(JSON.parse(record) as ApiKeyRecord),
  ...(used ? { last_used_at: used } : {}),
  ...(revoked ? { revoked_at: revoked } : {}),
});

/** Newest first; equal times by id, so that the order is one. */
export const keyOrder = (a: ApiKeyRecord, b: ApiKeyRecord): number =>
  a.created_at === b.created_at ? (a.id < b.id ? -1 : 1) : a.created_at < b.created_at ? 1 : -1;

export const keyTaken = (id: string): string => `There is another API key with the id ${id}.`;
