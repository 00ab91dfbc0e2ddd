import { Redis } from "ioredis";

/** Commands that Redis ran: those that clients sent, and those that scripts ran within them. */
export type Commands = Readonly<{ sent: number; inScripts: number; names: ReadonlyMap<string, number> }>;

/** Counts what Redis runs during `act`, but for the counting itself (MONITOR, redis.io/docs/latest/commands/monitor). */
export async function watchCommands(url: string, act: () => Promise<unknown>): Promise<Commands> {
  const redis = new Redis(url);
  const monitor = await redis.monitor();
  const names = new Map<string, number>();
  let [sent, inScripts] = [0, 0];
  const over = `over-${Math.random()}`;
  const seen = Promise.withResolvers<void>();
  monitor.on("monitor", (_time: string, words: readonly string[], source: string) => {
    const name = words[0]?.toUpperCase() ?? "";
    if (words[1] === over) return seen.resolve();
    if (source === "lua") inScripts += 1;
    else {
      sent += 1;
      names.set(name, (names.get(name) ?? 0) + 1);
    }
  });
  await act();
  await redis.echo(over);
  await seen.promise;
  monitor.disconnect();
  redis.disconnect();
  return { sent, inScripts, names };
}
