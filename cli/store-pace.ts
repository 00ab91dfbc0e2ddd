import type { Config } from "../shared/config-keys.ts";

/** How often the processes of a store ask it by themselves, while nothing happens; milliseconds. */
export type StorePace = Readonly<{
  /** A runner says that it lives. */
  announceMs: number;
  /** An idle runner tries to claim although it heard of nothing. */
  idlePollMs: number;
  /** An API does what time asks for: leases, queue times, old jobs. */
  sweepMs: number;
  /** Who may send notifications looks for some, should it have heard of none. */
  notifyMs: number;
}>;

/** Asking a file costs microseconds. */
const embedded: StorePace = { announceMs: 10_000, idlePollMs: 60_000, sweepMs: 5_000, notifyMs: 60_000 };
/** Every command is paid for, and the store itself looks for changes once a minute while somebody waits. */
const remote: StorePace = { announceMs: 60_000, idlePollMs: 600_000, sweepMs: 60_000, notifyMs: 600_000 };

export const storePace = ({ redisUrl }: Pick<Config, "redisUrl">): StorePace => paceOf(redisUrl);

/** Without an address the store is this machine's own. */
export const paceOf = (storeUrl: string | undefined): StorePace => (storeUrl === undefined ? embedded : remote);
