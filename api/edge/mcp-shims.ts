import { z } from "zod";

type Verdict = Readonly<
  { valid: true; data: unknown; errorMessage: undefined } | { valid: false; data: undefined; errorMessage: string }
>;

/**
 * What the MCP server's package takes from its runtime, in place of its own for Workers (`[alias]` in wrangler.toml): that
 * one brings another validator of JSON Schema, 7 kB of the 250 that a Worker may have, where Zod is there already. It
 * validates what a client's user has filled in.
 */
export class DefaultJsonSchemaValidator {
  getValidator(schema: z.core.JSONSchema.JSONSchema): (input: unknown) => Verdict {
    const fits = z.fromJSONSchema(schema);
    return (input) => {
      const { success, error } = fits.safeParse(input);
      return success
        ? { valid: true, data: input, errorMessage: undefined }
        : { valid: false, data: undefined, errorMessage: z.prettifyError(error) };
    };
  }
}

const none = (): never => {
  throw new Error("A Worker has no standard input and output.");
};

/** The transport over them is imported with the package, and not used here. */
export const process = {
  get stdin(): never {
    return none();
  },
  get stdout(): never {
    return none();
  },
};
