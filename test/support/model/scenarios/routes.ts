import { say } from "../reply.ts";
import type { Scenario } from "../turn.ts";

/** Answers to the question which profile suits a task. */
export const routes = {
  /** `profile=NAME reason=TEXT`; without a profile a text in place of a choice. A job of its own goes on with `then`. */
  choose: ({ args, tools }) => {
    if (!tools.includes("choose_profile")) return undefined;
    const { profile, reason = "It suits." } = args;
    if (profile === undefined) return say("Hard to say.");
    return { kind: "message", use: { name: "choose_profile", input: { profile, reason } } };
  },
} as const satisfies Record<string, Scenario>;
