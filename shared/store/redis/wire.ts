/** What Redis answers; errors are thrown. */
export type Reply = string | number | null | readonly Reply[];
export type Word = string | number;

/**
 * Lua that runs as one atomic step (redis.io/docs/latest/develop/programmability/eval-intro). `name` is for logs; `many`
 * takes several calls in one command, see `lua/script.ts`.
 */
export type Script = Readonly<{ name: string; source: string; many?: true }>;

/** What is listened to, and told as hints: a message may be lost, and none comes while `down`. */
export type Listening = Readonly<{
  channels?: readonly string[];
  /** Glob patterns of channels. */
  patterns?: readonly string[];
  onMessage(channel: string, payload: string): void;
  /** The subscription stands (again): what came before may have been missed. */
  onUp(): void;
  onDown(): void;
}>;

/**
 * One way to a Redis 7: TCP, or HTTP with Upstash's REST protocol. Every call has a deadline. What may have been lost on
 * the way is sent again, so callers send only what can be repeated: each script is idempotent by its arguments.
 * Strings come back as they were written, whatever they look like. Errors name the script or the command's first word
 * and never its arguments.
 * @throws AppError `store_unavailable` where no answer came in time, or Redis cannot serve now (loading, out of memory, a limit);
 * WireError for an error that Redis or a script answered.
 */
export interface RedisWire extends AsyncDisposable {
  /** One command outside scripts: a read, or a write that may be repeated. */
  send(command: readonly [string, ...Word[]]): Promise<Reply>;
  /** EVALSHA, and EVAL where the script is not known (yet, or since a restart). */
  run(script: Script, keys: readonly string[], args: readonly Word[]): Promise<Reply>;
  /** Listens until the signal aborts; reconnects by itself, with back-off and jitter, and notices a connection gone deaf. */
  listen(what: Listening, signal: AbortSignal): void;
}

/** Redis, or a script of ours, has answered with an error: it was reached, and nothing was changed. */
export class WireError extends Error {
  override readonly name = "WireError";
}
