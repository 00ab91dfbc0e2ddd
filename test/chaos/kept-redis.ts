import { systemClock } from "../../shared/clock.node.ts";
import { type ARedis, startRedis } from "../support/a-redis.ts";

/** A durable redis-server to which one thing at a time is done, and which comes back by itself. */
export type KeptRedis = AsyncDisposable &
  Readonly<{
    redis: ARedis;
    /** kill -9; started again on the same append-only file after that time. */
    kill: (awayMs: number) => boolean;
    /** SIGSTOP for that time. */
    pause: (ms: number) => boolean;
    /** Resolves when nothing is done to it. @throws Error where it did not come back. */
    atPeace: () => Promise<void>;
  }>;

export async function keepRedis(): Promise<KeptRedis> {
  const redis = await startRedis({ durable: true, config: ["maxmemory-policy noeviction"] });
  let last: Promise<void> = Promise.resolve();
  let isBusy = false;
  const alone = (act: () => Promise<void>): boolean => {
    if (isBusy) return false;
    isBusy = true;
    last = act().finally(() => {
      isBusy = false;
    });
    last.catch(() => undefined); // told by `atPeace`
    return true;
  };
  return {
    redis,
    kill: (awayMs) =>
      alone(async () => {
        await redis.kill9();
        await systemClock.sleep(awayMs);
        await redis.restart();
      }),
    pause: (ms) =>
      alone(async () => {
        redis.freeze();
        await systemClock.sleep(ms);
        redis.thaw();
      }),
    atPeace: () => last,
    [Symbol.asyncDispose]: async () => {
      await last.catch(() => undefined);
      await redis[Symbol.asyncDispose]();
    },
  };
}
