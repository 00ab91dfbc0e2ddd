import { z } from "zod";
import { PoolName } from "./job.ts";
import { Secret } from "./secret.ts";

/** Value kinds of the configuration: each reads the text of a variable and the native value of YAML. */
const digits = z
  .string()
  .trim()
  .regex(/^-?\d+(\.\d+)?$/, "must be a number")
  .transform(Number);

export const whole = (min: number, max: number) =>
  z
    .union([z.number(), digits], { error: "must be a whole number" })
    .pipe(z.int("must be a whole number").min(min, `must be ${min} to ${max}`).max(max, `must be ${min} to ${max}`));

/** US dollars, more than nothing. */
export const dollars = z
  .union([z.number(), digits], { error: "must be an amount of US dollars" })
  .pipe(z.number().min(0.01, "must be 0.01 to 1000000").max(1e6, "must be 0.01 to 1000000"));

const words: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  yes: true,
  on: true,
  false: false,
  "0": false,
  no: false,
  off: false,
};
export const flag = z
  .union(
    [
      z.boolean(),
      z
        .string()
        .trim()
        .toLowerCase()
        .refine((word) => word in words, "must be true or false"),
    ],
    {
      error: "must be true or false",
    },
  )
  .transform((value) => (typeof value === "boolean" ? value : words[value] === true));

export const text = z.string({ error: "must be text" }).trim().min(1, "must not be empty");

/** A field's name (RFC 9110, 5.1). */
export const headerName = text.refine(
  (value) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(value),
  "must be the name of a header, as X-Forwarded-For",
);

/** A comma list in a variable, a list in YAML. */
export const list = z
  .union([z.array(text), z.string().transform((value) => value.split(","))], { error: "must be a list" })
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

/** `big=2,default=10` in a variable; the same, a list of such pairs, or a map in YAML. */
export const poolCounts = z
  .union([z.record(z.string(), z.union([z.number(), z.string()])), list], { error: "must be like big=2,default=10" })
  .transform((given) => (Array.isArray(given) ? given.map(asPair) : Object.entries(given)))
  .superRefine((pairs, { addIssue }) => {
    for (const [pool, count] of pairs) {
      const wrong = whatIsWrong(pool, count, pairs.filter(([other]) => other === pool).length);
      if (wrong !== undefined) addIssue({ code: "custom", message: wrong });
    }
  })
  .transform(
    (pairs): Readonly<Record<string, number>> => Object.fromEntries(pairs.map(([pool, n]) => [pool, Number(n)])),
  );

const asPair = (text: string): [string, string] => {
  const [pool = "", ...count] = text.split("=");
  return [pool.trim(), count.join("=").trim()];
};
const maxCount = 10_000;
function whatIsWrong(pool: string, count: string | number, times: number): string | undefined {
  if (count === "") return `must be like big=2,default=10: ${JSON.stringify(pool)} has no number`;
  if (!PoolName.safeParse(pool).success) return `${JSON.stringify(pool)} is no pool: it must match ${poolPattern}`;
  if (times > 1) return `the pool ${pool} is named twice`;
  const isCount = /^\d+$/.test(`${count}`) && Number(count) >= 1 && Number(count) <= maxCount;
  return isCount ? undefined : `the limit of pool ${pool} must be a whole number, 1 to ${maxCount}`;
}
const poolPattern = "^[a-z0-9][a-z0-9-]{0,31}$";

export const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });

export const url = (...schemes: readonly string[]) =>
  text.refine(
    (value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)),
    `must be an address beginning with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  );

/** An address that nobody on the way can answer for. */
export const secureUrl = url("http", "https").refine(
  (value) =>
    value.startsWith("https:") || /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?(?:\/|$)/.test(value),
  "must be an https:// address; http:// only of this machine",
);

export const secret = text.transform((value) => new Secret(value));
/** A key of AES-256. */
export const secretKey = text
  .refine(
    (value) => /^(?:[0-9a-f]{64}|[A-Za-z0-9+/]{43}=)$/i.test(value),
    "must be 32 bytes as base64 or hex: `openssl rand -base64 32` makes one",
  )
  .transform((value) => new Secret(value));
export const secrets = list.transform((items) => items.map((item) => new Secret(item)));

/** `5%` of the disk, or bytes with an optional K, M, G. */
export const diskSize = text
  .refine((value) => /^\d+(\.\d+)?(%|[KMG]?)$/i.test(value), "must be like 5%, 500M or 10G")
  .transform((value) => value.toUpperCase());
