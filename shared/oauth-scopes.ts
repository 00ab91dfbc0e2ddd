import { z } from "zod";
import { Scope } from "./api-key.ts";
import { list } from "./config-value.ts";

/** Which of our scopes each scope of a token stands for. */
export type OAuthScopes = Readonly<Record<string, readonly Scope[]>>;

const wrong = `must be like write=submit+cancel,view=read, with ${Scope.options.join(", ")} on the right`;

/** `write=submit+cancel,view=read` in a variable; the same, a list of such pairs, or a map to lists in YAML. */
export const oauthScopes = z
  .union([z.record(z.string(), z.union([z.array(z.string()), z.string()])), list], { error: wrong })
  .transform((given) => (Array.isArray(given) ? given.map(asPair) : Object.entries(given)))
  .transform((pairs, context): OAuthScopes => {
    const read = pairs.map(
      ([name, ours]) =>
        [
          name,
          z
            .array(Scope)
            .min(1)
            .safeParse(typeof ours === "string" ? ours.split("+") : ours),
        ] as const,
    );
    // RFC 6749, 3.3: what a scope may be made of.
    if (read.every(([name, { success }]) => success && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name)))
      return Object.fromEntries(read.map(([name, { data = [] }]) => [name, data]));
    context.addIssue({ code: "custom", message: wrong });
    return z.NEVER;
  });

/** What is behind the last `=`: names of scopes may be addresses. */
const asPair = (text: string): [string, string] => {
  const at = text.lastIndexOf("=");
  return [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()];
};
