import { type BudgetOrder, type BudgetState, BudgetUsedUp, toMicros, toUsd } from "../../budget.ts";
import type { Context } from "./context.ts";
import type { Reply } from "./wire.ts";

/** What the scripts are told of orders; empty where there are none. */
export const toldOrders = (orders: readonly BudgetOrder[] = []): string =>
  orders.length === 0
    ? ""
    : JSON.stringify(
        orders.map(({ name, limitUsd, reserveUsd }) => ({
          name,
          limit: toMicros(limitUsd),
          reserve: toMicros(reserveUsd),
        })),
      );

/** A script's answer that one of the orders was refused: its name, what is spent, what is reserved. */
export function budgetRefusal(
  orders: readonly BudgetOrder[] = [],
  answer: readonly (Reply | undefined)[],
): BudgetUsedUp {
  const [name, spent, reserved] = answer.map(String);
  const order = orders.find((one) => one.name === name) ?? { name: name ?? "", limitUsd: 0, reserveUsd: 0 };
  return new BudgetUsedUp(order, { spentUsd: toUsd(Number(spent)), reservedUsd: toUsd(Number(reserved)) });
}

export function openBudgets({ wire, key }: Pick<Context, "wire" | "key">) {
  const read = async (name: string): Promise<BudgetState> => {
    const answer = await wire.send(["HMGET", key(`budget:${name}`), "spent", "reserved"]);
    const [spent, reserved] = answer as readonly (string | null)[];
    return { name, spentUsd: toUsd(Number(spent ?? 0)), reservedUsd: toUsd(Number(reserved ?? 0)) };
  };
  return { budgets: (names: readonly string[]): Promise<readonly BudgetState[]> => Promise.all(names.map(read)) };
}
