import type { JobId } from "./job.ts";

/** What somebody waits for; `changed` of the store says what each part means. */
export type ChangeQuery = Readonly<{
  job?: JobId;
  control?: true;
  /** A runner's id. */
  runner?: string;
  /** Pools of a runner that has nothing to do. */
  pools?: readonly string[];
  /** A relay that has more than this many messages, or is gone. */
  relay?: Readonly<{ channel: string; after: number }>;
  /** Notifications to send. */
  notices?: true;
  timeoutMs: number;
  signal?: AbortSignal;
}>;
