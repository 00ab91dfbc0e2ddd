import type { Clock } from "../shared/clock.ts";

type Watched = Readonly<{
  /** How long nothing may happen, in milliseconds. */
  limitMs: number;
  /** What changes when something happens: bytes printed, bytes of the model's answers. */
  traffic: () => Promise<number>;
  /** Milliseconds of CPU used so far. */
  cpu: () => number;
  /** Ends the watch. */
  over: AbortSignal;
  /** Nothing has happened for the limit. Asked again after another one. */
  onStall: () => void;
}>;

/** Less than this share of one core is the idling of programs that wait. */
const idleShare = 0.02;
const longestPauseMs = 30_000;

/** Looks now and then whether anything happens, and tells when it has not for too long. */
export async function watchStall({ limitMs, traffic, cpu, over, onStall }: Watched, clock: Clock): Promise<void> {
  const pauseMs = Math.min(longestPauseMs, limitMs / 10);
  const look = async () => ({ at: clock.uptime(), bytes: await traffic(), cpuMs: cpu() });
  let since = await look();
  let before = since.at;
  for (;;) {
    await clock.sleep(pauseMs, over);
    if (over.aborted) return;
    const now = await look();
    const asleep = now.at - before > 2 * pauseMs + 5_000; // the machine, or this process: then nobody worked
    before = now.at;
    const worked = now.bytes !== since.bytes || Math.abs(now.cpuMs - since.cpuMs) >= idleShare * limitMs;
    if (!worked && !asleep && now.at - since.at < limitMs) continue;
    if (!worked && !asleep) onStall();
    since = now;
  }
}
