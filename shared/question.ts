import { z } from "zod";

/** What Claude wants to do, and asks a person for first (profile key `approvals: ask`). */
export const Question = z.object({
  question_id: z.uuid(),
  tool: z.string(),
  tool_use_id: z.string().optional(),
  input: z
    .string()
    .describe("What the tool is to be called with, as JSON, without known secrets, cut where it is long."),
  until: z.iso.datetime().describe("Then it is denied."),
});
export type Question = Readonly<z.infer<typeof Question>>;

export const Decision = z.enum(["allow", "deny"]);
export type Decision = z.infer<typeof Decision>;

/**
 * How a question ended: somebody answered; nobody did in time; Claude took it back; its run ended; its attempt was
 * lost with the runner. Only the first can be `allow`.
 */
export const QuestionEnd = z.enum(["answered", "timeout", "withdrawn", "ended", "lost"]);
export type QuestionEnd = z.infer<typeof QuestionEnd>;

/** A person's word, as it travels to the runner with a message whose id is the question's. */
export const Answer = z.object({
  /** Its own, so that one that is sent again is known. */
  id: z.uuid(),
  decision: Decision,
  /** Who answered. */
  by: z.string(),
});
export type Answer = Readonly<z.infer<typeof Answer>>;

export const AnswerRequest = z
  .strictObject({
    question_id: z.uuid(),
    decision: Decision,
    message: z
      .string()
      .max(10_000, "at most 10000 characters")
      .refine((text) => text.trim() !== "", "must not be empty")
      .optional()
      .describe("With deny: what Claude is told."),
  })
  .meta({ id: "AnswerRequest" });
export type AnswerRequest = z.infer<typeof AnswerRequest>;
