import type { RedisWire, Reply } from "../../shared/store/redis/wire.ts";

/** All that stands under a prefix at one moment, by the names behind the prefix. */
export type RedisSnapshot = Readonly<{
  hashes: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Members and scores. */
  zsets: ReadonlyMap<string, ReadonlyMap<string, number>>;
  sets: ReadonlyMap<string, ReadonlySet<string>>;
  streams: ReadonlyMap<string, number>;
  /** Milliseconds to live; -1: without end (redis.io/docs/latest/commands/pttl). */
  ttls: ReadonlyMap<string, number>;
}>;

/** One script, so that nothing happens between two keys; of a job's texts only that they are there. */
const source = `
local answer, cursor = {}, '0'
repeat
  local step = redis.call('SCAN', cursor, 'MATCH', ARGV[1] .. ':*', 'COUNT', 1000)
  cursor = step[1]
  for _, key in ipairs(step[2]) do
    local kind = redis.call('TYPE', key).ok
    local what = {}
    if kind == 'hash' then what = redis.call('HGETALL', key)
      for i = 1, #what, 2 do if what[i] == 'request' or what[i] == 'output' then what[i + 1] = '' end end
    elseif kind == 'zset' then what = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    elseif kind == 'set' then what = redis.call('SMEMBERS', key)
    elseif kind == 'stream' then what = {redis.call('XLEN', key)} end
    answer[#answer + 1] = {key, kind, redis.call('PTTL', key), what}
  end
until cursor == '0'
return answer
`;

export async function readRedis(wire: Pick<RedisWire, "run">, prefix: string): Promise<RedisSnapshot> {
  const rows = (await wire.run({ name: "snapshot", source }, [], [prefix])) as readonly (readonly [
    string,
    string,
    number,
    readonly Reply[],
  ])[];
  const of = <T>(kind: string, make: (what: readonly Reply[]) => T): Map<string, T> =>
    new Map(rows.flatMap(([key, type, , what]) => (type === kind ? [[key.slice(prefix.length + 1), make(what)]] : [])));
  const pairs = (what: readonly Reply[]) =>
    what.flatMap((name, n) => (n % 2 === 0 ? [[String(name), String(what[n + 1])] as const] : []));
  return {
    hashes: of("hash", (what) => new Map(pairs(what))),
    zsets: of("zset", (what) => new Map(pairs(what).map(([member, score]) => [member, Number(score)]))),
    sets: of("set", (what) => new Set(what.map(String))),
    streams: of("stream", (what) => Number(what[0])),
    ttls: new Map(rows.map(([key, , ttl]) => [key.slice(prefix.length + 1), ttl])),
  };
}
