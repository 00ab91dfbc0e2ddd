/** What a text says as JSON; undefined where it is none. */
export function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * A value that an agent or somebody else has made, as JSON. `JSON.parse` takes what is nested without end, `JSON.stringify`
 * overflows the stack with it: of such a one it is `tooDeep`. Of undefined, which JSON has no word for, it is empty.
 */
export function toJson<T>(value: unknown, tooDeep: T): string | T {
  try {
    return JSON.stringify(value) ?? "";
  } catch (error) {
    if (error instanceof RangeError) return tooDeep;
    throw error;
  }
}
