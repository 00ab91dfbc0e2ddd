import { z } from "zod";

/** A path inside the worktree, which stays inside by its spelling; what lies on the disk there is another question. */
const InTree = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^\p{C}\\]+$/u, "must not have a backslash or control characters")
  .refine((path) => !path.startsWith("/"), "must be relative to the repository's root")
  .transform((path) =>
    path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/"),
  )
  .refine((path) => path !== "" && !path.split("/").some((part) => part === ".." || part.toLowerCase() === ".git"), {
    message: "must name something inside the worktree, and not its git data",
  });

/** What makes a fresh worktree ready: `setup` of a profile, or of the `.agenticore.yml` of a trusted repository. */
export const Setup = z.strictObject({
  command: z
    .string()
    .min(1)
    .max(20_000)
    .describe(
      "Run by bash in the worktree before Claude, without the model's key; a failure ends the job as `setup_failed`.",
    ),
  timeout: z.int().min(1).max(86_400).default(600).describe("Seconds that the command may take."),
  outputs: z
    .array(InTree)
    .max(20)
    .default([])
    .describe(
      "Folders that it makes. They are kept on the runner, and put into later worktrees instead of running it.",
    ),
  cache_key: z
    .array(InTree)
    .max(50)
    .default([])
    .describe("Files whose content decides whether kept folders still fit, such as a lock file."),
});
export type Setup = z.infer<typeof Setup>;

/** The content of `.agenticore.yml`. */
export const RepoFile = z.strictObject({ setup: Setup.optional() });
