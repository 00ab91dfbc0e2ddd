import { type BridgeOptions, startBridge as start } from "../../cli/redis-http/bridge.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { redisHttpTokens } from "../../shared/redis-http-token.ts";

export type ABridge = Readonly<{ url: string; token: string; dispose: () => Promise<void> }> & AsyncDisposable;
type Options = Partial<Omit<BridgeOptions, "redis" | "tokens">> &
  Readonly<{
    /** As in AGENTICORE_REDIS_HTTP_TOKENS, beside the one with full rights. */
    tokens?: readonly string[];
  }>;

/** `agenticore redis-http` in this process, on a free port. */
export async function startBridge(redisUrl: string, { tokens = [], ...options }: Options = {}): Promise<ABridge> {
  const token = "secret-of-the-whole-bridge";
  const bridge = await start({
    redis: { url: redisUrl },
    tokens: redisHttpTokens.parse([`all:full:${token}`, ...tokens]),
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: "0.1.0",
    ...options,
  });
  const dispose = () => bridge.close();
  return { url: bridge.url, token, dispose, [Symbol.asyncDispose]: dispose };
}
