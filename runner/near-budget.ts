import type { ClaudeMessage } from "./claude/messages.ts";

/** Said when four fifths of the job's budget are spent: what is finished then is worth more than what was begun. */
export const budgetNudge =
  "This job has spent four fifths of its budget. Bring the work to a good end now: finish what is most important, begin nothing new, commit, and say what is left to do. When the budget is used up you are ended, and the work is handed over as it is then.";

/**
 * Tells Claude once that the budget nears its end, and only while a tool of its works: it reads it then with the result. Said
 * later it would be a turn of its own, which a Claude that has just finished would not need, and might not have the money for.
 */
export function tellNearBudget(nudge: (text: string) => void) {
  const working = new Set<string>();
  let state: "far" | "near" | "told" = "far";
  const tell = () => {
    if (state !== "near" || working.size === 0) return;
    state = "told";
    nudge(budgetNudge);
  };
  return {
    near: (): void => {
      if (state === "far") state = "near";
      tell();
    },
    seen: (message: ClaudeMessage): void => {
      if (message.type === "assistant" && !message.parent_tool_use_id)
        for (const block of message.message.content) if (block.type === "tool_use") working.add(block.id);
      if (message.type === "user")
        for (const block of message.message.content)
          if (block.type === "tool_result") working.delete(block.tool_use_id);
      tell();
    },
  };
}
