/** What a Messages API request says, in the order in which it was said. Unknown parts are passed over. */
export type Conversation = Readonly<{
  /** What the user said and what tools answered, oldest first. */
  items: readonly Item[];
  /** System prompt, system-role messages and reminders: everything that is not the user's own words. */
  system: string;
  model: string;
  stream: boolean;
  tools: readonly string[];
  /** The CLI's working folder as its system text tells it; empty where it does not. */
  cwd: string;
}>;

export type Item = Said | ToolResult;
export type Said = Readonly<{ kind: "said"; text: string }>;
export type ToolResult = Readonly<{ kind: "result"; text: string; isError: boolean }>;

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
    cwd: /working directory: (\S.*)/i.exec(system)?.[1]?.trim() ?? "",
  };
}

type Piece = Item | Readonly<{ kind: "system"; text: string }>;

function piecesOf(message: Record<string, unknown>): Piece[] {
  const role = message["role"];
  if (role !== "user" && role !== "system") return [];
  return blocks(message["content"]).flatMap((block): Piece[] => {
    if (block["type"] === "tool_result") {
      const text = blocks(block["content"]).map(textOf).join("\n");
      return [{ kind: "result", text, isError: block["is_error"] === true }];
    }
    const text = textOf(block);
    if (text === "") return [];
    const own = role === "user" ? !text.startsWith("<system-reminder>") : text.includes(sentWhileBusy);
    return [own ? { kind: "said", text } : { kind: "system", text }];
  });
}

/** How the CLI folds a message of the user into a running turn: as a message of the system role. */
const sentWhileBusy = "sent a new message while you were working";

const blocks = (content: unknown): Record<string, unknown>[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : list(content).map(record);
const textOf = (block: Record<string, unknown>): string => (typeof block["text"] === "string" ? block["text"] : "");
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
