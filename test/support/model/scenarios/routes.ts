import { say } from "../reply.ts";
import type { Scenario } from "../turn.ts";

/** Answers to the question which profile suits a task. */
export const routes = {
  /** `profile=NAME reason=TEXT`; without a profile a text in place of a choice. */
  choose: ({ args }) =>
    args["profile"] === undefined
      ? say("Hard to say.")
      : {
          kind: "message",
          use: { name: "choose_profile", input: { profile: args["profile"], reason: args["reason"] ?? "It suits." } },
        },
} as const satisfies Record<string, Scenario>;
