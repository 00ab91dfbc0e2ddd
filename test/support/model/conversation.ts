/** What a Messages API request says, in the order in which it was said. Unknown parts are passed over. */
export type Conversation = Readonly<{
  /** What the user said and what tools answered, oldest first. */
  items: readonly Item[];
  /** System prompt, system-role messages and reminders: everything that is not the user's own words. */
  system: string;
  model: string;
  stream: boolean;
  tools: readonly string[];
  /** The CLI's working folder as it told last (a resumed session can have moved); empty where it does not. */
  cwd: string;
}>;

type Item = Said | ToolResult;
type Said = Readonly<{ kind: "said"; text: string }>;
/** A tool call that came to an end, also a refused one. */
export type ToolResult = Readonly<{ kind: "result"; text: string }>;

/** @throws SyntaxError when the body is not JSON. */
export function readConversation(body: string): Conversation {
  const request = record(JSON.parse(body));
  const pieces = list(request["messages"]).flatMap((message) => piecesOf(record(message)));
  const system = [
    ...blocks(request["system"]).map(textOf),
    ...pieces.flatMap((piece) => (piece.kind === "system" ? [piece.text] : [])),
  ].join("\n\n");
  return {
    items: pieces.filter((piece) => piece.kind !== "system"),
    system,
    model: String(request["model"] ?? ""),
    stream: request["stream"] === true,
    tools: list(request["tools"]).map((tool) => String(record(tool)["name"] ?? "")),
    cwd:
      [...system.matchAll(/working directory: (\S.*)/gi)]
        .at(-1)?.[1]
        ?.replace(/ \(was .*\)$/, "")
        .trim() ?? "",
  };
}

type Piece = Item | Readonly<{ kind: "system"; text: string }>;

function piecesOf(message: Record<string, unknown>): Piece[] {
  const role = message["role"];
  if (role !== "user" && role !== "system") return [];
  return blocks(message["content"]).flatMap((block): Piece[] => {
    if (block["type"] === "tool_result") {
      const text = blocks(block["content"]).map(textOf).join("\n");
      return neverEnded.test(text) ? [{ kind: "system", text }] : [{ kind: "result", text }];
    }
    const text = textOf(block);
    if (text === "") return [];
    const words = role === "user" ? (notOfTheUser.test(text) ? [] : [text]) : foldedIn(text);
    if (words.length === 0) return [{ kind: "system", text }];
    return words.map((said) => ({ kind: "said", text: said.trim() }));
  });
}

/** What the CLI itself says in the user's place. */
const notOfTheUser = /^(<system-reminder>|\[Request interrupted by user|Continue from where you left off\.$)/;

/** The CLI folds messages of the user into a running turn, each with its own words around it (2.1.197, 2.1.330). */
const foldedIn = (text: string): string[] =>
  text
    .split(/[^\n]*sent a new message while you were working:\n/)
    .slice(1)
    .map((words) => words.trimEnd().replace(/\n\n(?:This is how Claude Code|IMPORTANT: After)[^\n]*$/, ""));

/** A call that a killed CLI never saw the end of: said on resume (2.1.330), or its shell was killed with it. */
const neverEnded = /^(\[Tool call interrupted: the session ended|Exit code 137$)/;

const blocks = (content: unknown): Record<string, unknown>[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : list(content).map(record);
const textOf = (block: Record<string, unknown>): string => (typeof block["text"] === "string" ? block["text"] : "");
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
