import type { ApiKeyRecord } from "./api-key.ts";
import type { Turn, TurnRequest } from "./turn.ts";

/** The part of the store that knows keys of the API. */
export interface KeyStore {
  /** Keeps a new API key; the same record once more changes nothing. @throws AppError `conflict` where another one has its id. */
  saveKey(key: ApiKeyRecord): Promise<void>;
  /** Also one that has expired or was revoked. */
  findKey(id: string): Promise<ApiKeyRecord | undefined>;
  /** All of them, newest first. */
  listKeys(): Promise<readonly ApiKeyRecord[]>;
  /** Notes when it was used last. */
  touchKey(id: string, at: string): Promise<void>;
  /** The revoked key, or undefined where there is none; the time of an earlier revocation stays. */
  revokeKey(id: string, at: string): Promise<ApiKeyRecord | undefined>;
  /** Counts one turn of the subject, where its limit has room: see `takenTurn`. One whose answer was lost may count twice. */
  takeTurn(request: TurnRequest): Promise<Turn>;
}
