import { z } from "zod";

const rules = z.array(z.string()).optional();

/**
 * The parts of Claude's settings that somebody relies on. In `-p` Claude leaves out what it cannot read without a word,
 * and a rule that denies would be gone with it; so a wrong one is an error here.
 */
export const SettingsShape = z.looseObject({
  permissions: z
    .looseObject({
      allow: rules,
      deny: rules,
      ask: rules,
      additionalDirectories: rules,
      defaultMode: z.string().optional(),
    })
    .optional(),
  hooks: z
    .record(
      z.string(),
      z.array(z.looseObject({ matcher: z.string().optional(), hooks: z.array(z.looseObject({ type: z.string() })) })),
    )
    .optional(),
  env: z.record(z.string(), z.string()).optional(),
});
