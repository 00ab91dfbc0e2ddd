import type { Clock } from "../../clock.ts";
import type { Database } from "./database.node.ts";

/**
 * The store's clock: milliseconds that run with the box's uptime and go on where they were after a reboot,
 * so that a jump of the wall clock moves no lease, delay, queue time or TTL. Only the length of the
 * time between two boots is taken from the wall clock, and never below zero.
 */
export type StoreTime = Readonly<{
  tick(): number;
  /** Notes how far time has come, at most once a second; called in transactions that write anyway. */
  note(): void;
}>;

/** More than two readings of one uptime can differ by. */
const slackMs = 5_000;

export async function openStoreTime(
  db: Database,
  { clock, bootId }: { clock: Clock; bootId: string },
): Promise<StoreTime> {
  const shiftOf = db.prepare<{ shift: number }>("SELECT shift FROM boots WHERE boot = :boot");
  const last = db.prepare<{ tick: number; wall: number }>("SELECT tick, wall FROM clock");
  const keep = db.prepare(
    "INSERT OR REPLACE INTO clock VALUES (1, max(:tick, coalesce((SELECT tick FROM clock), 0)), :wall)",
  );
  const add = db.prepare("INSERT OR REPLACE INTO boots VALUES (:boot, :shift)");
  const uptime = () => Math.floor(clock.uptime());
  const { answer: shift } = await db.write(() => {
    const known = shiftOf.find({ boot: bootId });
    const before = last.find();
    // A box that cannot name its boots is known by its uptime, which began anew.
    if (known && before && uptime() + known.shift > before.tick - slackMs) return known.shift;
    const start = before ? before.tick + Math.max(0, clock.now() - before.wall) : uptime();
    const made = Math.floor(start) - uptime();
    add.run({ boot: bootId, shift: made });
    keep.run({ tick: uptime() + made, wall: Math.floor(clock.now()) });
    return made;
  });
  let noted = Number.NEGATIVE_INFINITY;
  const tick = () => uptime() + shift;
  return {
    tick,
    note: () => {
      if (tick() - noted < 1_000) return;
      noted = tick();
      keep.run({ tick: noted, wall: Math.floor(clock.now()) });
    },
  };
}
