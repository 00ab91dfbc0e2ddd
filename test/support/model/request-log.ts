import type { IncomingHttpHeaders } from "node:http";
import type { Conversation } from "./conversation.ts";
import { nameOf, type Reply } from "./reply.ts";
import type { Turn } from "./turn.ts";

/** One request for a message, as the scripted model saw it. */
export type ModelRequest = Readonly<{
  number: number;
  at: string;
  /** The CLI's session id (header `x-claude-code-session-id`). */
  session: string;
  /** How the request was authorized; the key itself is not kept. */
  key: "api_key" | "bearer" | "none";
  model: string;
  stream: boolean;
  scenario: string;
  /** Tool results since the prompt. */
  step: number;
  /** How often the same session had already asked at this step. */
  tries: number;
  lastUserText: string;
  /** All that the user said in this conversation, oldest first: a task given once is in it once. */
  userTexts: readonly string[];
  system: string;
  tools: readonly string[];
  /** What is answered: `text`, `tool Bash`, `error 529`, `cut reset`, `stall`. */
  reply: string;
  /** `open` while the answer is held or under way; `dropped` when the client went away before its end. */
  state: "open" | "answered" | "dropped";
}>;

export type RequestLog = Readonly<{
  requests: () => readonly ModelRequest[];
  add: (seen: Seen) => ModelRequest["number"];
  settle: (number: number, state: ModelRequest["state"]) => void;
  /** @throws Error that lists what was seen when no request fits within the time. */
  waitFor: (fits: (request: ModelRequest) => boolean, deadlineMs?: number) => Promise<ModelRequest>;
}>;

type Seen = Readonly<{ headers: IncomingHttpHeaders; conversation: Conversation; turn: Turn; reply: Reply }>;

export function requestLog(): RequestLog {
  const seen: ModelRequest[] = [];
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watch of watchers) watch();
  };
  return {
    requests: () => [...seen],
    add: (facts) => {
      const number = seen.push(entry(seen.length, facts)) - 1;
      changed();
      return number;
    },
    settle: (number, state) => {
      const request = seen[number];
      if (request) seen[number] = { ...request, state };
      changed();
    },
    waitFor: (fits, deadlineMs = 60_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = seen.find(fits);
          if (!found) return;
          end();
          resolve(found);
        };
        const late = () => {
          end();
          reject(new Error(`no request to the model fitted within ${deadlineMs} ms; seen: ${summary(seen)}`));
        };
        const timer = setTimeout(late, deadlineMs);
        const end = () => {
          clearTimeout(timer);
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      }),
  };
}

function entry(number: number, { headers, conversation, turn, reply }: Seen): ModelRequest {
  const userTexts = conversation.items.flatMap((item) => (item.kind === "said" ? [item.text] : []));
  return {
    number,
    at: new Date().toISOString(),
    session: sessionOf(headers),
    key: headers["x-api-key"] ? "api_key" : headers.authorization ? "bearer" : "none",
    model: conversation.model,
    stream: conversation.stream,
    scenario: turn.scenario,
    step: turn.results.length,
    tries: turn.tries,
    lastUserText: userTexts.at(-1) ?? "",
    userTexts,
    system: conversation.system,
    tools: conversation.tools,
    reply: nameOf(reply),
    state: "open",
  };
}

export const sessionOf = (headers: IncomingHttpHeaders): string => String(headers["x-claude-code-session-id"] ?? "");

const summary = (seen: readonly ModelRequest[]): string =>
  seen.map(({ scenario, step, reply, state }) => `${scenario}#${step} ${reply} (${state})`).join(", ") || "nothing";
