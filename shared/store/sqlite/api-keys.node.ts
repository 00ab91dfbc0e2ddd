import type { ApiKeyRecord } from "../../api-key.ts";
import { AppError } from "../../error.ts";
import { keyOf, keyOrder, keyTaken, keyText } from "../api-key-row.ts";
import type { Context } from "./context.node.ts";

type Row = Readonly<{ record: string; used: string | null; revoked: string | null }>;

/** Keys of the API; runs inside a transaction. */
export function openApiKeys({ db }: Pick<Context, "db">) {
  const one = db.prepare<Row>("SELECT record, used, revoked FROM api_keys WHERE id = :id");
  const all = db.prepare<Row>("SELECT record, used, revoked FROM api_keys");
  const add = db.prepare("INSERT OR IGNORE INTO api_keys (id, record) VALUES (:id, :record)");
  const touch = db.prepare("UPDATE api_keys SET used = :at WHERE id = :id");
  const revoke = db.prepare("UPDATE api_keys SET revoked = coalesce(revoked, :at) WHERE id = :id");

  const find = (id: string): ApiKeyRecord | undefined => {
    const row = one.find({ id });
    return row && keyOf(row.record, row);
  };
  return {
    find,
    save: (key: ApiKeyRecord): void => {
      const record = keyText(key);
      add.run({ id: key.id, record });
      if (one.find({ id: key.id })?.record !== record) throw new AppError("conflict", keyTaken(key.id));
    },
    list: (): readonly ApiKeyRecord[] =>
      all
        .all()
        .map((row) => keyOf(row.record, row))
        .sort(keyOrder),
    touch: (id: string, at: string): void => {
      touch.run({ id, at });
    },
    revoke: (id: string, at: string): ApiKeyRecord | undefined => {
      revoke.run({ id, at });
      return find(id);
    },
  };
}
