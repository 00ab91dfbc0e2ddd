import { spawn } from "node:child_process";
import { once } from "node:events";
import { program, servedEnv } from "../served.ts";

/** `agenticore redis-http` as a process of its own: it must not share the processor time of its client. */
export async function startBridgeProcess(home: string, redisUrl: string) {
  const token = "secret-of-the-benchmark";
  const child = spawn(process.execPath, [program, "redis-http", "--port", "0"], {
    env: servedEnv(home, { REDIS_URL: redisUrl, AGENTICORE_REDIS_HTTP_TOKENS: `bench:full:${token}` }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  let said = "";
  const url = await new Promise<string>((ready, failed) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
      const found = /over HTTP on (\S+)/.exec(said)?.[1];
      if (found) ready(found);
    });
    exited.then(() => failed(new Error(`the bridge ended: ${said}`)), failed);
  });
  return {
    url,
    token,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
