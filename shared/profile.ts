import { z } from "zod";
import { ProfileName } from "./job.ts";
import { Setup } from "./setup.ts";

const Text = z.string().min(1);
const EnvName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable's name");

/** `a`, or `a,b`: as agentihooks chains them. */
const Chain = z
  .string()
  .refine(
    (text) => namesOf(text).every((name) => ProfileName.safeParse(name).success),
    "must be a profile's name, or several with commas between them",
  );
const namesOf = (chain: string): string[] => chain.split(",").map((name) => name.trim());

/** The names in `extends`, in their order. */
export const parentsOf = (given: string | readonly string[] | undefined): readonly string[] =>
  given === undefined ? [] : typeof given === "string" ? namesOf(given) : given;

const Reviewer = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,38}(?:\/[A-Za-z0-9][A-Za-z0-9_.-]{0,99})?$/, "must be a login, or org/team");

/** How Claude is run: the content of a `profile.yml`. Everything has a default, so that a short file says what matters. */
export const Profile = z.strictObject({
  name: ProfileName.optional().describe("Its name, if not the folder's."),
  description: z.string().default("").describe("One sentence for people and models that choose."),
  extends: z
    .union([Chain, z.array(ProfileName)])
    .optional()
    .describe(
      "A profile, or several as a list or `a,b`, that this one builds on; later ones win, mappings merge, lists are replaced, `null` takes a value away.",
    ),
  auto_pr: z
    .boolean()
    .default(true)
    .describe("A pull request is wanted when something changed; without one, the job says why there is none."),
  pr: z
    .strictObject({
      draft: z.boolean().default(false).describe("Pull requests are opened as drafts."),
      labels: z.array(z.string().min(1).max(50)).default([]).describe("Put on the pull request, made where missing."),
      reviewers: z
        .array(Reviewer)
        .default([])
        .describe("People (`login`) and teams (`org/team`) that are asked for a review."),
      title: Text.max(200)
        .refine((text) => text.includes("{title}"), "must contain {title}")
        .default("{title}")
        .describe(
          "What the title is made of: `{title}` is the change in a line, `{job}` the job's first 8 characters.",
        ),
    })
    .prefault({}),
  checkpoints: z
    .enum(["none", "local", "push"])
    .default("local")
    .describe(
      "While Claude works the state of its worktree is kept as a commit beside it, so that a lost job goes on from there: on its box (and in a shared folder), with `push` also at the repository as `refs/agenticore/{job}` where nobody can read that without a login, until the job ends.",
    ),
  approvals: z
    .enum(["none", "ask"])
    .default("none")
    .describe(
      "`ask`: what the permissions do not allow is asked of a person, see [approvals.md](../approvals.md), instead of denied.",
    ),
  approval_timeout: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe("With `approvals: ask`: seconds without an answer, after which it is denied."),
  gh: z
    .boolean()
    .default(false)
    .describe(
      "Claude has GH_TOKEN in its environment, so that `gh` works: a GitHub App's token for this repository alone, else GITHUB_TOKEN itself. Without it no token reaches Claude.",
    ),
  repo_config: z
    .enum(["instructions", "all", "none"])
    .default("instructions")
    .describe(
      "What of the repository's own configuration reaches Claude: its CLAUDE.md, everything (only where AGENTICORE_TRUSTED_REPOS names it), or nothing.",
    ),
  claude: z
    .strictObject({
      model: Text.optional().describe("Claude's `--model`; absent or `default`: Claude's own choice."),
      fallback_model: Text.optional().describe("Taken when the model is overloaded."),
      max_turns: z.int().min(1).max(10_000).optional().describe("Then the job ends as `max_turns`."),
      max_budget_usd: z
        .number()
        .min(0.01)
        .max(1000)
        .optional()
        .describe("For jobs that name none; counted over all attempts."),
      permission_mode: z
        .enum(["default", "acceptEdits", "bypassPermissions", "plan", "dontAsk", "auto"])
        .default("acceptEdits")
        .describe(
          "Claude's `--permission-mode`; nobody is there to be asked, but with `approvals: ask`. Without it, `permissions.defaultMode` of the settings counts.",
        ),
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).optional().describe("Claude's `--effort`."),
      timeout: z.int().min(1).max(86_400).optional().describe("Seconds of an attempt, for jobs that name none."),
      tools: z.array(Text).optional().describe("The only tools that Claude has."),
      allowed_tools: z.array(Text).default([]).describe("Permission rules that allow."),
      disallowed_tools: z.array(Text).default([]).describe("Permission rules that deny; they win."),
      append_system_prompt: Text.optional().describe("Added to Claude's system prompt."),
    })
    .prefault({}),
  sandbox: z
    .enum(["none", "bubblewrap"])
    .default("none")
    .describe(
      "`bubblewrap`: the whole disk is read-only but for worktree, repository cache, Claude's configuration and a temporary folder. Needs bwrap on the runner.",
    ),
  network: z
    .enum(["on", "off"])
    .default("on")
    .describe(
      "`off`, in `sandbox: bubblewrap` and with the key broker only: Claude reaches the model, and nothing reaches anything else. A set-up has the network.",
    ),
  setup: Setup.optional().describe(
    "What makes a fresh worktree ready before Claude; without it, that of `.agenticore.yml` of a trusted repository.",
  ),
  env: z.record(EnvName, z.string()).default({}).describe("Variables for Claude and what it starts."),
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
