import { Redis, type RedisConfigNodejs } from "@upstash/redis";
import { type ABridge, startBridge } from "./a-bridge.ts";
import { type ARedis, startRedis } from "./a-redis.ts";

export type BridgedRedis = AsyncDisposable &
  Readonly<{
    server: ARedis;
    bridge: ABridge;
    /** Upstash's own client, as it comes. */
    client: Redis;
    /** The client with another token. */
    as: (token: string, more?: Partial<RedisConfigNodejs>) => Redis;
    /** One request, without any client. */
    ask: (path: string, request?: Request) => Promise<Answer>;
  }>;
type Request = Readonly<{
  method?: string;
  /** JSON, and given text as it is. */
  body?: unknown;
  token?: string;
  headers?: Readonly<Record<string, string>>;
}>;
export type Answer = Readonly<{ status: number; headers: Headers; text: string; json: unknown }>;

/** A real redis-server with the bridge before it. */
export async function aBridgedRedis(options: Parameters<typeof startBridge>[1] = {}): Promise<BridgedRedis> {
  const server = await startRedis();
  const bridge = await startBridge(server.url, options);
  const as = (token: string, more: Partial<RedisConfigNodejs> = {}) =>
    new Redis({ url: bridge.url, token, retry: { retries: 0 }, enableTelemetry: false, ...more });
  const ask = async (path: string, { method = "POST", body, token = bridge.token, headers = {} }: Request = {}) => {
    const response = await fetch(`${bridge.url}${path}`, {
      method,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  return {
    server,
    bridge,
    client: as(bridge.token),
    as,
    ask,
    [Symbol.asyncDispose]: async () => {
      await bridge.dispose();
      await server[Symbol.asyncDispose]();
    },
  };
}
