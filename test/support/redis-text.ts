import { Redis } from "ioredis";

/** All that a Redis holds, names and values, as one text. */
export async function redisText({ url }: Readonly<{ url: string }>): Promise<string> {
  const client = new Redis(url);
  const read: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    hash: (key) => client.hgetall(key),
    stream: (key) => client.xrange(key, "-", "+"),
    zset: (key) => client.zrange(key, "0", "-1"),
    set: (key) => client.smembers(key),
    string: (key) => client.get(key),
    list: (key) => client.lrange(key, 0, -1),
  };
  try {
    const keys = await client.keys("*");
    const values = await Promise.all(keys.map(async (key) => read[await client.type(key)]?.(key)));
    return JSON.stringify(keys.map((key, index) => [key, values[index]]));
  } finally {
    client.disconnect();
  }
}
