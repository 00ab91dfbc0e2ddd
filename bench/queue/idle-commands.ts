import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "../../test/support/a-redis.ts";
import { program, servedEnv } from "../served.ts";
import { startBridgeProcess } from "./bridge-process.ts";
import { bullmqSide } from "./bullmq-side.ts";
import { watchCommands } from "./watch-commands.ts";

/** Commands of a minute in which nothing happens. */
export type IdleCommands = Readonly<{ name: string; sent: number; inScripts: number; names: string }>;
type Start = (home: string, redisUrl: string) => Promise<AsyncDisposable>;

/** Until what happens at a start is over. */
const settleMs = 20_000;

const idle: Readonly<Record<string, Start>> = {
  "`agenticore runner`, TCP": (home, url) => startRunner(home, { REDIS_URL: url }),
  "`agenticore runner`, HTTP": async (home, url) => {
    await using parts = new AsyncDisposableStack();
    const bridge = parts.use(await startBridgeProcess(`${home}-bridge`, url));
    parts.use(await startRunner(home, { REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token }));
    return parts.move();
  },
  "BullMQ's worker, TCP": async (_home, url) => {
    const side = bullmqSide(url);
    const worker = await side.idleWorker(() => undefined);
    await using parts = new AsyncDisposableStack();
    parts.use(side);
    parts.use(worker);
    return parts.move();
  },
};

/** Each with a Redis of its own, at the same time: nothing is measured but numbers. */
export const idleCommands = (folder: string, minutes: number): Promise<readonly IdleCommands[]> =>
  Promise.all(
    Object.entries(idle).map(async ([name, start], at) => {
      await using redis = await startRedis();
      await using _running = await start(`${folder}/idle-${at}`, redis.url);
      await sleep(settleMs);
      const { sent, inScripts, names } = await watchCommands(redis.url, () => sleep(minutes * 60_000));
      const named = [...names].map(([command, count]) => `${command} ${count}`).join(", ");
      return { name, sent: sent / minutes, inScripts: inScripts / minutes, names: `${named} in ${minutes} minutes` };
    }),
  );

async function startRunner(home: string, env: Readonly<Record<string, string>>): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [program, "runner"], {
    env: servedEnv(home, { AGENTICORE_LOG_LEVEL: "info", ...env }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  let said = "";
  await new Promise<void>((ready, failed) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
      if (said.includes("runner ready")) ready();
    });
    exited.then(() => failed(new Error(`agenticore runner ended: ${said}`)), failed);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
