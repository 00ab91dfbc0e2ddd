import { type Connection, type ConnectionOptions, openConnection, send } from "./connection.ts";
import { isError, type RedisCommand, type RedisReply } from "./redis-reply.ts";
import { Refusal } from "./refusal.ts";
import { openSubscriptions, type Subscriptions } from "./subscriptions.ts";

/** Redis as one of its users; the connections are opened when they are first needed. */
export type RedisAccess = Disposable &
  Readonly<{
    /** In order, but others' commands may come between. @throws Refusal 503 where one was not answered. */
    run(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]>;
    /** All or none, and nothing between. @throws Refusal 400 where it was discarded. */
    transact(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]>;
    subscriptions: Subscriptions;
  }>;

/** A user without the right to transactions must not have its commands run one by one instead. */
const probe: readonly RedisCommand[] = [["MULTI"], ["DISCARD"]];

export function openRedisAccess(options: ConnectionOptions): RedisAccess {
  const plain = openConnection(options);
  const exclusive = openConnection({ ...options, greeting: [...options.greeting, ...probe] });
  const listening = openConnection(options);
  return {
    run: (commands) => sendAll(plain, commands),
    transact: async (commands) => {
      const answers = await sendAll(exclusive, [["MULTI"], ...commands, ["EXEC"]]);
      const results = answers.at(-1);
      if (Array.isArray(results)) return results;
      const reason = answers.find(isError)?.message ?? "no answer to EXEC";
      throw new Refusal(400, `EXECABORT Transaction discarded because of: ${reason}`);
    },
    subscriptions: openSubscriptions(listening),
    [Symbol.dispose]: () => {
      for (const connection of [plain, exclusive, listening]) connection[Symbol.dispose]();
    },
  };
}

/** Written in one go, without a wait between: so they stand together on the connection. */
async function sendAll(connection: Connection, commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
  const redis = await connection.ready();
  return Promise.all(commands.map((command) => send(redis, command)));
}
