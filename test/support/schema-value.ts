import type { Random } from "./random.ts";

/** As much of JSON Schema as our document uses. */
export type Schema = Readonly<{
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  format?: string;
  pattern?: string;
  minLength?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  items?: Schema;
  minItems?: number;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
}>;
/** Where values come from: chance, schemas by reference, and texts that mean something here. */
export type Source = Readonly<{
  random: Random;
  resolve: (ref: string) => Schema;
  id: () => string;
  words: readonly [string, ...string[]];
}>;

/** A value that the schema allows, as far as chance finds one. */
export function fitting(schema: Schema, source: Source): unknown {
  const { random, resolve } = source;
  if (schema.$ref !== undefined) return fitting(resolve(schema.$ref), source);
  if (schema.const !== undefined) return schema.const;
  const choices = schema.enum ?? schema.anyOf ?? schema.oneOf;
  if (choices && choices.length > 0) {
    const one = choices[random.below(choices.length)];
    return schema.enum ? one : fitting(one as Schema, source);
  }
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => fitting(part, source)));
  const type = Array.isArray(schema.type) ? schema.type[random.below(schema.type.length)] : schema.type;
  switch (type) {
    case "string":
      return textFor(schema, source);
    case "integer":
    case "number":
      return numberFor(schema, random, type === "integer");
    case "boolean":
      return random.below(2) === 0;
    case "array":
      return Array.from({ length: (schema.minItems ?? 0) + random.below(3) }, () =>
        fitting(schema.items ?? {}, source),
      );
    case "null":
      return null;
    default:
      return objectFor(schema, source);
  }
}

function textFor({ format, pattern, minLength = 0 }: Schema, { random, id, words }: Source): string {
  if (format === "uuid") return id();
  const fits = words.filter(
    (word) => word.length >= minLength && (pattern === undefined || new RegExp(pattern, "u").test(word)),
  );
  return fits[random.below(fits.length)] ?? words[0];
}

function numberFor({ minimum, exclusiveMinimum, maximum }: Schema, random: Random, isWhole: boolean): number {
  const low = minimum ?? exclusiveMinimum ?? 0;
  const high = Math.min(maximum ?? low + 100, low + 1_000);
  const number = random.pick([low, high, low + random.next() * (high - low)]);
  return isWhole ? Math.round(number) : number;
}

function objectFor({ properties = {}, required = [], additionalProperties }: Schema, source: Source): object {
  const { random } = source;
  const named = Object.entries(properties).filter(([name]) => required.includes(name) || random.below(4) === 0);
  const more =
    typeof additionalProperties === "object"
      ? [[random.pick(["a", "team", "x-y"]), additionalProperties] as const]
      : [];
  return Object.fromEntries([...named, ...more].map(([name, schema]) => [name, fitting(schema, source)]));
}

/** What no schema of ours means. */
const odd: readonly [unknown, ...unknown[]] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  "",
  " \n\t",
  "\u0000",
  "\ud800",
  "../../etc/passwd",
  "..%2f..%2fetc",
  "__proto__",
  "constructor",
  "a\r\nset-cookie: b=c",
  "'; DROP TABLE jobs;--",
  "{{7*7}}",
  "\u202e🙂é",
  "x".repeat(5_000),
  "ext::sh -c id",
  "-u",
  "1e309",
  [],
  {},
  [[[[[[]]]]]],
  { toString: "x", length: 1e9 },
];

/** The value with something in it that should not be there, is missing, or is another thing. */
export function spoiled(value: unknown, source: Source): unknown {
  const { random } = source;
  if (typeof value !== "object" || value === null || random.below(6) === 0) return random.pick(odd);
  const names = Object.keys(value);
  const name = names[random.below(names.length)];
  const copy: Record<string, unknown> = { ...value };
  const kind = random.below(4);
  if (name === undefined || kind === 0)
    return { ...copy, [random.pick(["colour", "__proto__", "id", "tenant"])]: random.pick(odd) };
  if (kind === 1) delete copy[name];
  else copy[name] = spoiled(copy[name], source);
  return Array.isArray(value) ? Object.values(copy) : copy;
}
