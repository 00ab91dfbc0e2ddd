import { z } from "zod";
import { ProfileName } from "./job.ts";
import { compilePattern } from "./pattern.ts";

const texts = z.union(
  [
    z
      .string()
      .min(1)
      .transform((one) => [one]),
    z.array(z.string().min(1)).min(1),
  ],
  {
    error: "must be a text or a list of texts",
  },
);

/** Which profile jobs get that name none: `router.rules`. What a rule names must all fit. */
export const RouteRule = z
  .strictObject({
    profile: ProfileName,
    /** Globs on the repository's address, as in `repos.allowed`; one of them has to fit. */
    repo: texts.optional(),
    /** A regular expression that is looked for in the task, in any case. */
    task: z.string().min(1).superRefine(checkPattern).optional(),
    /** Keys and values of the job's `metadata`. */
    label: z.record(z.string().min(1), z.string()).optional(),
    /** What the job says of why; made from the rule where there is none. */
    reason: z.string().min(1).max(300).optional(),
  })
  .refine(({ repo, task, label }) => repo ?? task ?? label, "must say when: repo, task or label");
export type RouteRule = Readonly<z.infer<typeof RouteRule>>;

function checkPattern(text: string, context: z.RefinementCtx): void {
  try {
    compilePattern(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : String(error);
    context.addIssue({ code: "custom", message: `must be a regular expression: ${why}` });
  }
}

/** A list of rules in YAML, the same as JSON in a variable; each mistake names its rule. */
export const routeRules = z
  .union([z.array(z.unknown()), z.string()], { error: "must be a list of rules" })
  .transform((given, context) => (typeof given === "string" ? fromJson(given, context) : given))
  .transform((items, context): readonly RouteRule[] =>
    items.flatMap((item, index) => {
      const { data, error } = RouteRule.safeParse(item);
      for (const { path, message } of error?.issues ?? [])
        context.addIssue({
          code: "custom",
          message: `rule ${index + 1}: ${[...path.map(String), message].join(": ")}`,
        });
      return data ?? [];
    }),
  );

function fromJson(text: string, context: z.RefinementCtx): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {}
  context.addIssue({ code: "custom", message: "must be a list of rules as JSON" });
  return [];
}
