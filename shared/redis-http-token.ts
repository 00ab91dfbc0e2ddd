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

/** One token of `agenticore redis-http`: `reveal` gives what its bearer sends. */
export class RedisHttpToken extends Secret {
  readonly name: string;
  readonly rights: RedisHttpRights;
  constructor(name: string, rights: RedisHttpRights, secret: string) {
    super(secret);
    this.name = name;
    this.rights = rights;
  }
  override toString(): string {
    const { rights } = this;
    const prefix = "prefix" in rights && rights.prefix ? `=${rights.prefix}` : "";
    return `${this.name}:${rights.kind}${prefix}:[secret]`;
  }
}

/** A prefix stands in Redis's patterns, so it has none of their special characters. */
const pattern = /^([\w.-]{1,64}):(full|acl|read|(?:read|scope)=([\w.:{}@/-]+)):([^\s:]{16,})$/;
const wrong =
  "must be name:rights:secret, with the rights full, read, read=<prefix>, scope=<prefix> or acl, and a secret of 16 or more characters without colons";

const token = z.string({ error: wrong }).transform((text, context): RedisHttpToken => {
  const [, name, word = "", prefix = "", secret] = pattern.exec(text) ?? [];
  const rights = rightsOf(word.split("=")[0], prefix);
  if (name && secret && rights) return new RedisHttpToken(name, rights, secret);
  context.addIssue({ code: "custom", message: wrong });
  return z.NEVER;
});

function rightsOf(kind: string | undefined, prefix: string): RedisHttpRights | undefined {
  if (kind === "full" || kind === "acl") return { kind };
  return kind === "read" || kind === "scope" ? { kind, prefix } : undefined;
}

const hasEachOnce = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;

/** The tokens of the bridge, each name and each secret once. */
export const redisHttpTokens = list
  .pipe(z.array(token))
  .refine((tokens) => hasEachOnce(tokens.map(({ name }) => name)), "must have each name once")
  .refine((tokens) => hasEachOnce(tokens.map((each) => each.reveal())), "must have each secret once");
