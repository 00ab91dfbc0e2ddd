import { numberOf } from "../marker.ts";
import { finish, type Scenario } from "../turn.ts";

/** Answers without tools. */
export const texts = {
  /** `say=TEXT`. */
  text: (turn) => finish(turn.args["say"] ?? "Hello from the scripted model.")(turn),

  /** `think=TEXT say=TEXT`: thinks before it answers. */
  thinking: ({ args }) => ({
    kind: "message",
    think: args["think"] ?? "Let me think.",
    say: args["say"] ?? "Thought about it.",
  }),

  /** `bytes=N` of text in one answer, numbered lines. */
  big: ({ args }) => ({ kind: "message", say: lines(numberOf(args, "bytes", 1_000_000)) }),

  /** `pieces=N every=MS`: text that comes slowly. */
  "slow-text": ({ args }) => {
    const pieces = numberOf(args, "pieces", 20);
    const pace = { bytes: 10, everyMs: numberOf(args, "every", 100) };
    return { kind: "message", say: "slowly... ".repeat(pieces), pace };
  },

  /** The model refuses. */
  refusal: () => ({ kind: "message", say: "I will not do this.", stopReason: "refusal" }),
} as const satisfies Record<string, Scenario>;

function lines(bytes: number): string {
  const line = (index: number) => `${String(index).padStart(9, "0")} ${"x".repeat(89)}\n`;
  return Array.from({ length: Math.ceil(bytes / 100) }, (_, index) => line(index))
    .join("")
    .slice(0, bytes);
}
