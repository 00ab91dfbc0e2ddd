import { z } from "zod";

export const maxChecks = 12;
export const maxCommandCharacters = 160;

/** A command by which Claude checked its work: tests, a linter, a build. What it printed is in the events. */
export const Check = z
  .object({
    command: z.string().describe("The line that Claude ran, cut, without known secrets."),
    result: z
      .enum(["passed", "failed", "unknown"])
      .describe("Of its last run; `unknown` where the line hides it, as behind a pipe, or it ran in the background."),
    exit_code: z.int().optional(),
    runs: z.int(),
  })
  .meta({ id: "Check" });
export type Check = Readonly<z.infer<typeof Check>>;
