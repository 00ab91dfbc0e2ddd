import { systemClock } from "../../shared/clock.node.ts";
import type { Order } from "./orders.ts";
import { describeFault, type Fault, type FaultKind } from "./schedule.ts";

/** How often each fault was inflicted, and how often there was nobody to suffer it. */
export type FaultCounts = ReadonlyMap<FaultKind, Readonly<{ done: number; missed: number }>>;

export type Storm = Readonly<{
  faults: FaultCounts;
  /** Resolves when each client has had all its answers: not before the faults are over. */
  answered: Promise<unknown>;
}>;

type Script = Readonly<{
  faults: readonly Fault[];
  orders: readonly Order[];
  durationMs: number;
  note: (line: string) => void;
}>;

/** What the storm is about. */
export type Players = Readonly<{
  /** @returns false where there is nothing to do it to at that moment. */
  inflict: (fault: Fault) => boolean;
  /** Resolves when the client has all its answers. */
  place: (order: Order) => Promise<void>;
  /** Jobs that wait. */
  queued: () => Promise<number>;
}>;

/** More than this many waiting jobs, and the next client waits too: what is lost must show, not the machine's speed. */
const queueLimit = 25;

/** Places the orders and inflicts the faults, each at its moment; resolves when the time is over. */
export async function storm({ inflict, place, queued }: Players, script: Script): Promise<Storm> {
  const start = systemClock.uptime();
  const over = new AbortController();
  const counts = new Map<FaultKind, { done: number; missed: number }>();
  const answers: Promise<void>[] = [];
  let waiting = 0;

  const until = (atMs: number) => systemClock.sleep(Math.max(0, start + atMs - systemClock.uptime()), over.signal);
  async function inflicting(): Promise<void> {
    for (const fault of script.faults) {
      await until(fault.atMs);
      if (over.signal.aborted) return;
      const done = inflict(fault);
      const count = counts.get(fault.kind) ?? { done: 0, missed: 0 };
      counts.set(fault.kind, done ? { ...count, done: count.done + 1 } : { ...count, missed: count.missed + 1 });
      script.note(`${describeFault(fault)}${done ? "" : "  (nobody there)"}`);
    }
  }
  async function placing(): Promise<void> {
    for (const order of script.orders) {
      await until(order.atMs);
      while (waiting > queueLimit && !over.signal.aborted) await systemClock.sleep(200, over.signal);
      if (over.signal.aborted) return;
      answers.push(place(order));
    }
  }
  async function counting(): Promise<void> {
    while (!over.signal.aborted) {
      waiting = await queued();
      await systemClock.sleep(1_000, over.signal);
    }
  }
  const running = [inflicting(), placing(), counting()];
  await until(script.durationMs);
  over.abort();
  const answered = Promise.all([...answers, ...running]);
  answered.catch(() => undefined); // whoever awaits it is told
  return { faults: counts, answered };
}
