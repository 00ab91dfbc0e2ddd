/**
 * What Redis answered, as it came: text as bytes, an integer in its digits (it may be larger than a number can hold),
 * nothing as null, and an error (of the whole, or inside a list) as an Error with its text.
 */
export type RedisReply = Buffer | string | null | Error | readonly RedisReply[];

export const isError = (reply: RedisReply | undefined): reply is Error => reply instanceof Error;

/** A command as it goes to Redis: its name in upper case, then its arguments. */
export type RedisCommand = readonly [string, ...string[]];
