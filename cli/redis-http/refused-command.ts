import type { RedisCommand } from "./redis-reply.ts";

/** They would change the connection, which many share, or turn it into a stream. */
const connection = [
  ...["AUTH", "HELLO", "RESET", "QUIT", "SELECT", "CLIENT", "ASKING", "READONLY", "READWRITE"],
  ...["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
  ...["MONITOR", "SYNC", "PSYNC", "REPLCONF"],
];
const transaction = ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"];
/** Of the server, and of no use to a program that stores its data there. */
const server = [
  ...["SHUTDOWN", "DEBUG", "REPLICAOF", "SLAVEOF", "FAILOVER", "CLUSTER", "MODULE", "MIGRATE", "SWAPDB", "SAVE"],
  ...["BGSAVE", "BGREWRITEAOF", "PFDEBUG", "PFSELFTEST", "RESTORE-ASKING", "LATENCY", "SLOWLOG", "SENTINEL"],
];
/** Of these only what reads, or what belongs to a program. */
const parts: Readonly<Record<string, readonly string[]>> = {
  CONFIG: ["GET", "HELP"],
  ACL: ["WHOAMI", "CAT", "HELP"],
  SCRIPT: ["LOAD", "EXISTS", "FLUSH", "HELP"],
  FUNCTION: ["LOAD", "DELETE", "LIST", "DUMP", "RESTORE", "FLUSH", "STATS", "HELP"],
};

/**
 * Why a command is not taken over HTTP, whatever the token's rights; undefined where it is. What blocks would keep the
 * shared connection from everybody else (redis.io/docs/latest/commands, @blocking).
 */
export function refusalOf([name, ...args]: RedisCommand): string | undefined {
  const first = args[0]?.toUpperCase() ?? "";
  if (transaction.includes(name)) return `ERR ${name} is not taken here: send the whole transaction to /multi-exec`;
  if (name.endsWith("SUBSCRIBE"))
    return `ERR ${name} is not taken here: POST /subscribe/{channel} or /psubscribe/{pattern}`;
  if (/^B[LRZ]/.test(name) || /^WAIT(AOF)?$/.test(name) || (/^XREAD(GROUP)?$/.test(name) && blocks(args)))
    return `ERR ${name} would block, which is not possible over HTTP`;
  if (connection.includes(name) || server.includes(name)) return `ERR ${name} is not taken over HTTP`;
  if (parts[name] && !parts[name].includes(first)) return `ERR ${name} ${first} is not taken over HTTP`;
  return undefined;
}

/** Whether XREAD or XREADGROUP has the option BLOCK; groups, consumers and keys may have that name too. */
function blocks(args: readonly string[]): boolean {
  const values: Readonly<Record<string, number>> = { COUNT: 1, GROUP: 2 };
  for (let at = 0; at < args.length; at++) {
    const word = args[at]?.toUpperCase() ?? "";
    if (word === "BLOCK") return true;
    if (word === "STREAMS") return false;
    at += values[word] ?? 0;
  }
  return false;
}
