import { AppError } from "../../error.ts";
import { Passing } from "./patience.ts";
import { WireError } from "./wire.ts";

type Meaning = Readonly<{ passes: boolean; remedy: string }>;

/**
 * Errors that say nothing of the command: Redis was reached and cannot serve. First words are those of src/server.c of
 * Redis 7; the rest are limits of Upstash (upstash.com/docs/redis/troubleshooting) and of bridges.
 */
const meanings: readonly (readonly [text: RegExp, meaning: Meaning])[] = [
  [/^LOADING\b/, { passes: true, remedy: "Redis is reading its data from disk: wait until it has started." }],
  [/^BUSY\b/, { passes: true, remedy: "A script holds Redis up: see `SLOWLOG GET`, or end it with `SCRIPT KILL`." }],
  [
    /^(READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MASTER is)\b/,
    { passes: true, remedy: "Redis changes its primary: wait, or let REDIS_URL name the primary." },
  ],
  [/max number of clients|max concurrent connections/i, { passes: true, remedy: "Raise `maxclients` of Redis." }],
  [
    /^OOM\b|capacity quota exceeded|max data size exceeded/i,
    { passes: false, remedy: "Redis is full: raise `maxmemory` (or the plan), or remove what else it holds." },
  ],
  [/^MISCONF\b/, { passes: false, remedy: "Redis cannot write to its disk: free space there, see Redis' own log." }],
  [
    /^(NOAUTH|WRONGPASS|NOPERM)\b|unauthorized|invalid (auth )?token|user executing the script|ACL failure/i,
    { passes: false, remedy: "Check REDIS_TOKEN or the password in REDIS_URL, and what that user may do." },
  ],
  [
    /max (daily )?requests? limit/i,
    { passes: false, remedy: "The plan's number of requests is used up: raise it, or wait for the next period." },
  ],
];

/**
 * What an error that Redis answered means. None of the arguments stands in it, since prompts and tokens are among them.
 * @returns Passing where another try may do, AppError `store_unavailable` where Redis cannot serve, else a WireError with Redis' own words first.
 */
export function answeredError(
  text: string,
  { place, what, args }: Readonly<{ place: string; what: string; args: readonly unknown[] }>,
): Passing | AppError | WireError {
  const said = without(text, args);
  const meaning = meanings.find(([pattern]) => pattern.test(said))?.[1];
  if (meaning === undefined) return new WireError(`${said} (${what})`);
  const { passes, remedy } = meaning;
  return passes
    ? new Passing(said, { remedy })
    : new AppError("store_unavailable", `${place} does not take ${what}: ${said}`, { remedy });
}

/** Redis repeats arguments only of commands that it does not know; a script may put any into its error. */
function without(text: string, args: readonly unknown[]): string {
  const told = text.replace(/, with args beginning with:.*$/s, "").replace(/, command was: .*$/s, "");
  return args
    .filter((arg) => typeof arg === "string" && arg.length >= 8)
    .reduce((rest: string, arg) => rest.replaceAll(String(arg), "…"), told)
    .slice(0, 500);
}
