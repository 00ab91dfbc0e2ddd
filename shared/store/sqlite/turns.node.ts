import { type Turn, type TurnCount, type TurnRequest, takenTurn } from "../../turn.ts";
import type { Context } from "./context.node.ts";

/** Turns of whoever has only so many; runs inside a transaction. */
export function openTurns({ db, time }: Pick<Context, "db" | "time">) {
  const find = db.prepare<TurnCount>("SELECT start, before, taken FROM turns WHERE subject = :subject");
  const keep = db.prepare(
    `INSERT INTO turns VALUES (:subject, :start, :before, :taken, :until)
     ON CONFLICT (subject) DO UPDATE SET start = :start, before = :before, taken = :taken, until = :until`,
  );
  return {
    take: ({ subject, limit, windowMs }: TurnRequest): Turn => {
      const { turn, count } = takenTurn(find.find({ subject }), { limit, windowMs }, time.tick());
      if (turn.allowed) keep.run({ subject, ...count, until: count.start + 2 * windowMs });
      return turn;
    },
  };
}
