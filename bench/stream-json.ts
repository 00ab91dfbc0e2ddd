import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { seeded } from "../test/support/random.ts";

const mega = 1_000_000;

/** Lines as Claude Code prints them, the same each time. */
export function* streamJson(bytes: number): Generator<string> {
  const random = seeded(400);
  const words = Array.from({ length: 500 }, () => random.below(2 ** 31).toString(36));
  const prose = (length: number) => {
    let text = "";
    while (text.length < length) text += `${words[random.below(words.length)]} `;
    return text;
  };
  const shared = { parent_tool_use_id: null, session_id: "00000000-0000-4000-8000-000000000000" };
  let printed = 0;
  for (let number = 0; printed < bytes; number += 1) {
    const id = `toolu_${number}`;
    for (const message of [
      { type: "assistant", message: { content: [{ type: "text", text: prose(100 + random.below(2_000)) }] } },
      {
        type: "assistant",
        message: {
          content: [{ type: "tool_use", id, name: "Bash", input: { command: prose(50 + random.below(200)) } }],
        },
      },
      {
        type: "user",
        message: {
          role: "user",
          content: [{ tool_use_id: id, type: "tool_result", content: prose(random.below(20_000)) }],
        },
        uuid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      },
    ]) {
      const line = `${JSON.stringify({ ...message, ...shared })}\n`;
      printed += line.length;
      yield line;
    }
  }
}

export function writePayload(path: string, bytes: number): void {
  writeFileSync(path, "");
  const file = openSync(path, "a");
  let block = "";
  for (const line of streamJson(bytes)) {
    block += line;
    if (block.length < mega) continue;
    writeSync(file, block);
    block = "";
  }
  writeSync(file, block);
  closeSync(file);
}
