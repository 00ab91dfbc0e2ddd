import { numberOf } from "../marker.ts";
import type { Scenario } from "../turn.ts";

/** Streams that do not go as they should. */
export const streams = {
  /** `how=reset|end|event times=N at=STEP then=SCENARIO`: breaks off after some text, N times (default once). */
  cut: ({ args, tries, results }) => {
    const done = tries >= numberOf(args, "times", 1) || results.length !== numberOf(args, "at", results.length);
    if (done) return undefined;
    const how = args["how"];
    return { kind: "cut", how: how === "end" || how === "event" ? how : "reset", say: "This is cut" };
  },

  /** `until=NAME`: says something, then nothing until the release; a second try is answered as `then` says. */
  stall: ({ args, tries }) =>
    tries === 0 ? { kind: "stall", until: args["until"] ?? "stall", say: "This stalls" } : undefined,
} as const satisfies Record<string, Scenario>;
