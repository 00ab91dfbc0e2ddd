import { z } from "zod";

/**
 * The schema, compiled (zod.dev/compile) when it is asked for first, which takes some milliseconds: a check then takes a third
 * of the time or less, and says the same. Where no code may be made from text (Workers) it is the schema as it was.
 */
export function compiled<S extends z.ZodType>(schema: S): () => S {
  let made: S | undefined;
  return () => {
    made ??= z.compile(schema);
    return made;
  };
}
