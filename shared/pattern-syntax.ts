/** A regular expression as a tree; what needs to look back or ahead is not among it. */
export type PatternNode =
  | Readonly<{ kind: "atom"; source: string }>
  | Readonly<{ kind: "assert"; what: Assertion }>
  | Readonly<{ kind: "sequence"; parts: readonly PatternNode[] }>
  | Readonly<{ kind: "choice"; options: readonly PatternNode[] }>
  | Readonly<{ kind: "repeat"; of: PatternNode; least: number; most: number }>;
export type Assertion = "^" | "$" | "\\b" | "\\B";

/**
 * Reads a pattern of JavaScript's with the flag `u`, in which every character that means something is escaped where it does not.
 * @throws SyntaxError for what is no such pattern, and for back references, lookarounds and modifiers.
 * @see https://tc39.es/ecma262/#sec-patterns
 */
export function parsePattern(source: string): PatternNode {
  new RegExp(source, "iu"); // throws; from here on the syntax is right
  let rest = source;
  const node = choice();
  return node;

  function take(shape: RegExp): readonly string[] | undefined {
    const found = shape.exec(rest);
    if (found) rest = rest.slice(found[0].length);
    return found ?? undefined;
  }
  function choice(): PatternNode {
    const options = [sequence()];
    while (take(/^\|/)) options.push(sequence());
    return options.length === 1 && options[0] ? options[0] : { kind: "choice", options };
  }
  function sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (rest !== "" && !/^[|)]/.test(rest)) parts.push(term());
    return { kind: "sequence", parts };
  }
  function term(): PatternNode {
    const assertion = take(/^(?:[$^]|\\[bB])/)?.[0];
    if (assertion !== undefined) return { kind: "assert", what: assertion as Assertion };
    const of = take(/^\((?:\?:|\?<(?![=!])[^>]*>|(?!\?))/) ? group() : atom();
    const count = take(/^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/);
    return count ? { kind: "repeat", of, ...bounds(count) } : of;
  }
  function group(): PatternNode {
    const inner = choice();
    take(/^\)/);
    return inner;
  }
  function atom(): PatternNode {
    if (/^(?:\(\?|\\[1-9k])/.test(rest)) throw new SyntaxError("it has a lookaround, a back reference or a modifier");
    const found = take(character)?.[0];
    if (found === undefined) throw new SyntaxError(`it cannot be read at "${rest.slice(0, 20)}"`);
    return { kind: "atom", source: found };
  }
}

/** One character's worth: a class, an escape (of a pair of surrogates: both), or the character itself. */
const character =
  /^(?:\[(?:[^\]\\]|\\[\s\S])*\]|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u\{[\da-fA-F]+\}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[A-Za-z]|\\[pP]\{[^}]*\}|\\[\s\S]|[\s\S])/u;

function bounds([, sign, least = "", comma, most]: readonly string[]): Readonly<{ least: number; most: number }> {
  if (sign === "*") return { least: 0, most: Number.POSITIVE_INFINITY };
  if (sign === "+") return { least: 1, most: Number.POSITIVE_INFINITY };
  if (sign === "?") return { least: 0, most: 1 };
  const from = Number(least);
  return { least: from, most: most ? Number(most) : comma ? Number.POSITIVE_INFINITY : from };
}
