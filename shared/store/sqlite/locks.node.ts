import type { StoreLock } from "../../store.ts";
import type { Context } from "./context.node.ts";

/** Locks that end by themselves; runs inside a transaction. */
export function openLocks({ db, time }: Pick<Context, "db" | "time">) {
  const take = db.prepare(
    `INSERT INTO locks VALUES (:name, :owner, :until)
     ON CONFLICT (name) DO UPDATE SET owner = :owner, until = :until WHERE owner = :owner OR until <= :tick`,
  );
  const drop = db.prepare("DELETE FROM locks WHERE name = :name AND owner = :owner");

  return {
    take: ({ name, owner, ttlMs }: StoreLock): boolean => {
      const tick = time.tick();
      return take.run({ name, owner, until: tick + ttlMs, tick }) > 0;
    },
    drop: ({ name, owner }: Omit<StoreLock, "ttlMs">): void => {
      drop.run({ name, owner });
    },
  };
}
