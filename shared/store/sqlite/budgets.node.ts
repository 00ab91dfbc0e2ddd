import { type BudgetOrder, type BudgetState, BudgetUsedUp, toMicros, toUsd } from "../../budget.ts";
import type { Connection } from "./connection.node.ts";

type Row = Readonly<{ spent: number; reserved: number }>;

/** What jobs may take of the budgets of a day; `reserve` and `settle` run inside a transaction. */
export function openBudgets({ db, time }: Pick<Connection, "db" | "time">) {
  const find = db.prepare<Row>("SELECT spent, reserved FROM budgets WHERE name = :name");
  const hold = db.prepare(
    `INSERT INTO budgets VALUES (:name, 0, :micros, :tick)
     ON CONFLICT (name) DO UPDATE SET reserved = reserved + :micros, seen = :tick`,
  );
  const note = db.prepare("INSERT OR REPLACE INTO reservations VALUES (:seq, :name, :micros, :before)");
  const held = db.prepare<{ name: string; micros: number; before: number }>(
    "SELECT name, micros, before FROM reservations WHERE seq = :seq",
  );
  const pay = db.prepare(
    "UPDATE budgets SET reserved = max(0, reserved - :micros), spent = spent + :cost, seen = :tick WHERE name = :name",
  );
  const forget = db.prepare("DELETE FROM reservations WHERE seq = :seq");
  const stateOf = (name: string): BudgetState => {
    const { spent, reserved } = find.find({ name }) ?? { spent: 0, reserved: 0 };
    return { name, spentUsd: toUsd(spent), reservedUsd: toUsd(reserved) };
  };

  return {
    read: (names: readonly string[]): readonly BudgetState[] => names.map(stateOf),
    /** Of a job that has cost so much before. @throws BudgetUsedUp */
    reserve: (seq: number, orders: readonly BudgetOrder[], beforeUsd = 0): void => {
      for (const order of orders) {
        const state = stateOf(order.name);
        const taken = toMicros(state.spentUsd) + toMicros(state.reservedUsd);
        if (taken + toMicros(order.reserveUsd) > toMicros(order.limitUsd)) throw new BudgetUsedUp(order, state);
      }
      const tick = time.tick();
      for (const { name, reserveUsd } of orders) {
        const micros = toMicros(reserveUsd);
        hold.run({ name, micros, tick });
        note.run({ seq, name, micros, before: toMicros(beforeUsd) });
      }
    },
    /** The job has ended: what it has cost since is spent, and the rest is free again. */
    settle: (seq: number, costUsd = 0): void => {
      for (const { name, micros, before } of held.all({ seq }))
        pay.run({ name, micros, cost: Math.max(0, toMicros(costUsd) - before), tick: time.tick() });
      forget.run({ seq });
    },
  };
}
