import type { ApiKeyRecord } from "../../api-key.ts";
import { AppError } from "../../error.ts";
import type { Turn, TurnRequest } from "../../turn.ts";
import { keyOf, keyOrder, keyTaken, keyText } from "../api-key-row.ts";
import type { Context } from "./context.ts";
import { listKeys, markKey, saveKey } from "./lua/api-keys.ts";
import { takeTurn } from "./lua/turns.ts";

/** Keys of the API, and the turns of whoever has one. */
export function openApiKeys({ run, wire, key }: Pick<Context, "run" | "wire" | "key">) {
  const mark = async (id: string, field: "used" | "revoked", at: string): Promise<ApiKeyRecord | undefined> => {
    const [word, record, used, revoked] = await run(markKey, [id, field, at]);
    return word === "key" ? keyOf(String(record), { used: String(used), revoked: String(revoked) }) : undefined;
  };
  return {
    saveKey: async (record: ApiKeyRecord): Promise<void> => {
      const [word] = await run(saveKey, [record.id, keyText(record)]);
      if (word === "taken") throw new AppError("conflict", keyTaken(record.id));
    },
    findKey: async (id: string): Promise<ApiKeyRecord | undefined> => {
      const answer = await wire.send(["HMGET", key(`apikey:${id}`), "record", "used", "revoked"]);
      const [record, used, revoked] = answer as readonly (string | null)[];
      return record ? keyOf(record, { used, revoked }) : undefined;
    },
    listKeys: async (): Promise<readonly ApiKeyRecord[]> => {
      const [, ...all] = (await run(listKeys, [])).map(String);
      const rows = Array.from({ length: all.length / 3 }, (_, n) => all.slice(3 * n, 3 * n + 3));
      return rows.map(([record = "", used, revoked]) => keyOf(record, { used, revoked })).sort(keyOrder);
    },
    touchKey: async (id: string, at: string): Promise<void> => void (await mark(id, "used", at)),
    revokeKey: (id: string, at: string): Promise<ApiKeyRecord | undefined> => mark(id, "revoked", at),
    takeTurn: async ({ subject, limit, windowMs }: TurnRequest): Promise<Turn> => {
      const [word, remaining, resetMs] = await run(takeTurn, [subject, limit, windowMs]);
      return { allowed: word === "taken", remaining: Number(remaining), resetMs: Number(resetMs) };
    },
  };
}
