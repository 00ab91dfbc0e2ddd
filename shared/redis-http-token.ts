import { z } from "zod";
import { list } from "./config-value.ts";
import { Secret } from "./secret.ts";

/** What the bearer of a token may do with Redis. */
export type RedisHttpRights =
  | Readonly<{ kind: "full" }>
  /** Commands that only read; of all keys, or of those with the prefix. */
  | Readonly<{ kind: "read"; prefix: string }>
  /** Reads and writes of the keys and channels with the prefix. */
  | Readonly<{ kind: "scope"; prefix: string }>
  /** What Redis gives to its own ACL user of that name, whose password is the secret. */
  | Readonly<{ kind: "acl" }>;
export type RedisHttpToken = Readonly<{ name: string; rights: RedisHttpRights; secret: Secret }>;

const shape = "must be name:rights:secret, with the rights full, read, read=<prefix>, scope=<prefix> or acl";
/** A prefix stands in Redis's patterns, so it has none of their special characters. */
const pattern = /^([\w.-]{1,64}):(?:(full|acl)|(read)(?:=([\w.:{}@/-]+))?|(scope)=([\w.:{}@/-]+)):([^\s:]{16,})$/;

const token = z.string({ error: shape }).transform((text, context): RedisHttpToken => {
  const [, name = "", plain, read, readPrefix = "", scope, scopePrefix = "", secret = ""] = pattern.exec(text) ?? [];
  const told = { name, secret: new Secret(secret) };
  if (plain === "full" || plain === "acl") return { ...told, rights: { kind: plain } };
  if (read) return { ...told, rights: { kind: "read", prefix: readPrefix } };
  if (scope) return { ...told, rights: { kind: "scope", prefix: scopePrefix } };
  context.addIssue({ code: "custom", message: `${shape}; the secret has 16 or more characters and no colon` });
  return z.NEVER;
});

/** Tokens of `agenticore redis-http`: names of letters, digits, `.`, `_`, `-`; each name and each secret once. */
export const redisHttpTokens = list
  .pipe(z.array(token))
  .refine((tokens) => isDistinct(tokens.map(({ name }) => name)), "must have each name once")
  .refine((tokens) => isDistinct(tokens.map(({ secret }) => secret.reveal())), "must have each secret once");

const isDistinct = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;
