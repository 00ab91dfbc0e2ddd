import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../shared/clock.ts";
import type { Message } from "../shared/job.ts";
import type { ClaudeMessage } from "./claude/messages.ts";
import { circleLength, watchRepeats } from "./claude/repeats.ts";
import { cpuOfTree } from "./process/tree-cpu.ts";
import type { StopReason } from "./stop.ts";
import { watchStall } from "./watch-stall.ts";

type Going = Readonly<{
  /** Seconds in which something must happen; 0: for ever. */
  stallSeconds: number;
  runDir: string;
  /** The warden's. */
  pid: number;
  /** Bytes of the model's answers so far, where they come through the broker. */
  heard: () => number;
  /** A person is being waited for: that is no stall. */
  waits: () => boolean;
  over: AbortSignal;
  /** Gives Claude a message of ours. */
  nudge: (text: string, mode: Message["mode"]) => void;
  stop: (why: StopReason) => void;
  warn: (sentence: string) => void;
}>;

/** Each is said once; where it does not help, the work ends. */
export const nudges = {
  stalled:
    "Nothing has happened for a long time, so what was running was interrupted. Check the state of the work, do not repeat what hung, and continue.",
  looping:
    "You have made the same tool call with the same result several times in a row. Do not make it again: try another way, or say what is in the way and end.",
} as const;

/** Sees to it that Claude gets on: `seen` is told of every message. */
export function keepGoing(going: Going, clock: Clock): Readonly<{ seen: (message: ClaudeMessage) => void }> {
  const { stallSeconds, runDir, pid, over, nudge, stop, warn } = going;
  const circles = watchRepeats();
  const told = new Set<string>();
  const once = (why: "stalled" | "looping", mode: Message["mode"], sentence: string) => {
    if (told.has(why)) return stop(why);
    told.add(why);
    nudge(nudges[why], mode);
    warn(sentence);
  };
  const printed = async () => {
    const sizes = ["out", "err"].map((name) => stat(join(runDir, name)).then(({ size }) => size));
    return (await Promise.all(sizes.map((size) => size.catch(() => 0)))).reduce((sum, size) => sum + size, 0);
  };
  let waited = 0;
  const traffic = async () => {
    if (going.waits()) waited += 1;
    return (await printed()) + going.heard() + waited;
  };
  const onStall = () =>
    once(
      "stalled",
      "interrupt",
      `Nothing happened for ${stallSeconds} seconds: Claude was interrupted and told to continue.`,
    );
  if (stallSeconds > 0)
    void watchStall(
      {
        ...{ limitMs: stallSeconds * 1_000, over, onStall, cpu: () => cpuOfTree(pid) },
        traffic,
      },
      clock,
    ).catch((error: unknown) => warn(`Whether anything happens could not be watched: ${String(error)}`));
  return {
    seen: (message) => {
      if (circles(message))
        once(
          "looping",
          "queue",
          `Claude made the same tool call with the same result ${circleLength} times, and was told so.`,
        );
    },
  };
}
