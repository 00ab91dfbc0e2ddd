import { createHash } from "node:crypto";
import type { RedisHttpToken } from "../../shared/redis-http-token.ts";
import type { RedisCommand } from "./redis-reply.ts";

/**
 * What is said first on a connection for this token, so that Redis itself holds its rights, inside scripts too
 * (redis.io/docs/latest/operate/oss_and_stack/management/security/acl). The user is made anew on each connection, as
 * Redis forgets it at a restart, and always the same: several bridges may serve one Redis. `acl` users are the operator's.
 */
export function greetingOf(token: RedisHttpToken): readonly RedisCommand[] {
  const { name, rights } = token;
  if (rights.kind === "full") return [];
  if (rights.kind === "acl") return [["AUTH", name, token.reveal()]];
  const { kind, prefix } = rights;
  const user = `agenticore-http-${name}-${sha256(`${kind}=${prefix} ${token.reveal()}`).slice(0, 8)}`;
  const password = sha256(`agenticore redis-http ${token.reveal()}`);
  const rules =
    kind === "read" ? [`%R~${prefix}*`, "resetchannels", ...readOnly] : [`~${prefix}*`, `&${prefix}*`, ...readAndWrite];
  return [
    ["ACL", "SETUSER", user, "reset", "on", `#${sha256(password)}`, ...rules],
    ["AUTH", user, password],
  ];
}

const transactions = ["+multi", "+exec", "+discard"];
/** Without SCAN and KEYS, as Upstash's read-only tokens: they show keys outside the prefix, and KEYS holds up everybody. */
const readOnly = [
  ...["-@all", "+@read", "-@dangerous", "-keys", "-scan", "-randomkey", "-dbsize"],
  ...["+ping", "+echo", "+time", "+eval_ro", "+evalsha_ro", "+fcall_ro", "+script|exists", ...transactions],
];
/** What shows or changes more than the keys of the prefix is taken away: names of others, functions, other databases. */
const readAndWrite = [
  ...["+@all", "-@admin", "-@dangerous", "-scan", "-randomkey", "-dbsize", "-pubsub", "-select", "-swapdb", "-move"],
  ...["-function", "-script", "+script|load", "+script|exists", "-memory", "+memory|usage"],
];

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
