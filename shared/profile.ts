import { z } from "zod";
import { ProfileName } from "./job.ts";

const Text = z.string().min(1);
const EnvName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable's name");

/** How Claude is run: the content of a `profile.yml`. Everything has a default, so that a short file says what matters. */
export const Profile = z.strictObject({
  name: ProfileName.optional(),
  description: z.string().default(""),
  extends: z.union([ProfileName, z.array(ProfileName)]).optional(),
  /** Push a branch and open a pull request when something changed. */
  auto_pr: z.boolean().default(true),
  /** What of the repository's own configuration reaches Claude; `all` only for trusted repositories. */
  repo_config: z.enum(["instructions", "all", "none"]).default("instructions"),
  claude: z
    .strictObject({
      model: Text.optional(),
      fallback_model: Text.optional(),
      max_turns: z.int().min(1).max(10_000).optional(),
      max_budget_usd: z.number().min(0.01).max(1000).optional(),
      permission_mode: z
        .enum(["default", "acceptEdits", "bypassPermissions", "plan", "dontAsk"])
        .default("acceptEdits"),
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).optional(),
      timeout: z.int().min(1).max(86_400).optional(),
      tools: z.array(Text).optional(),
      allowed_tools: z.array(Text).default([]),
      disallowed_tools: z.array(Text).default([]),
      append_system_prompt: Text.optional(),
    })
    .prefault({}),
  env: z.record(EnvName, z.string()).default({}),
});
export type Profile = z.infer<typeof Profile>;

/** A profile as `GET /profiles` shows it (contract 2). */
export const ProfileSummary = z
  .object({
    name: z.string(),
    description: z.string(),
    model: z.string().optional(),
    max_turns: z.int().optional(),
    permission_mode: z.string().optional(),
    auto_pr: z.boolean().optional(),
    extends: z.union([z.string(), z.array(z.string())]).optional(),
    source: z.string(),
    error: z.string().optional(),
  })
  .meta({ id: "ProfileSummary" });
export type ProfileSummary = Readonly<z.infer<typeof ProfileSummary>>;
