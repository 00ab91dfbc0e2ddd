import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createTestHarness } from "wrangler";
import { program, servedEnv } from "../served.ts";
import { key } from "./shots.ts";

/** A server under measurement. */
export type Side = AsyncDisposable & Readonly<{ port: number; pid?: number }>;

export const prefix = "agenticore";

/** A load that no key is let have: without its limit. */
const keyed = { AGENTICORE_API_KEYS: key, AGENTICORE_RATE_LIMIT_PER_MINUTE: "0" };

/** `agenticore serve` without a runner, jobs in Redis over TCP. */
export const ourNode = (home: string, redisUrl: string): Promise<Side> =>
  started([program, "serve", "--no-runner"], servedEnv(home, { REDIS_URL: redisUrl, ...keyed }));

export const bareNode = (home: string, redisUrl: string): Promise<Side> =>
  started([join(import.meta.dirname, "bare-node.ts"), redisUrl, prefix], servedEnv(home));

type Bridge = Readonly<{ url: string; token: string }>;

export const ourWorker = (bridge: Bridge): Promise<Side> =>
  worker(join(import.meta.dirname, "../../wrangler.toml"), { ...bindings(bridge), ...keyed });

export const bareWorker = (bridge: Bridge): Promise<Side> =>
  worker(join(import.meta.dirname, "wrangler.toml"), bindings(bridge));

const bindings = ({ url, token }: Bridge) => ({ REDIS_URL: url, REDIS_TOKEN: token, REDIS_KEY_PREFIX: prefix });

async function started(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Side> {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let said = "";
  const url = await new Promise<string>((ready, failed) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
      const found = /listening on (http:\S+)/.exec(said)?.[1];
      if (found) ready(found);
    });
    exited.then(() => failed(new Error(`it ended: ${said}`)), failed);
  });
  return {
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** In a real workerd, as the tests run it: whatever Wrangler puts before it is before both sides. */
async function worker(configPath: string, secrets: Readonly<Record<string, string>>): Promise<Side> {
  const harness = createTestHarness({ workers: [{ configPath, secrets: { ...secrets } }] });
  const { url } = await harness.listen();
  return { port: Number(url.port), [Symbol.asyncDispose]: () => harness.close() };
}
