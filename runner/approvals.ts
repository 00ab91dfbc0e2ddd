import { type Clock, iso } from "../shared/clock.ts";
import type { Message } from "../shared/job.ts";
import { toJson } from "../shared/json.ts";
import type { Decision, Question, QuestionEnd } from "../shared/question.ts";
import type { Redact } from "../shared/redact.ts";
import type { ClaudeMessage } from "./claude/messages.ts";
import { shorten } from "./claude/shorten.ts";
import { allowLine, denyLine, unableLine } from "./claude/stdin-line.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { Line } from "./process/split-lines.ts";

type Asking = Readonly<{
  keeper: Pick<LeaseKeeper, "emit" | "patch" | "delivered" | "flush">;
  /** To Claude's stdin. */
  write: (line: string) => void;
  /** How long an answer is waited for; undefined: this Claude was not told to ask. */
  timeoutMs: number | undefined;
}>;
type Deps = Readonly<{ clock: Clock; redact: Redact; newId: () => string }>;

/** What Claude asks a person, and the answers. */
export type Approvals = Readonly<{
  /** Told of every message, with the line that it came in. */
  seen: (message: ClaudeMessage, line: Line) => void;
  /** An answer from the store. It is acknowledged also where nobody waits for it any more. */
  answer: (message: Message) => void;
  waits: () => boolean;
  /** The run is over, or is being ended: nobody can answer any more. */
  end: () => void;
}>;

/** What Claude is told instead of the tool's result. */
export const denials = {
  bare: "A person was asked and has denied this. Do not try to reach the same in another way; go on without it, or end and say what is missing.",
  late: "A person was asked, and nobody has answered in time, so it is denied. Do not try to reach the same in another way; go on without it, or end and say what is missing.",
  tooMany: "Too many questions are open. Ask again when they are answered.",
  tooLong: "This is too long to be shown to a person, so it is denied. Do it in smaller steps.",
} as const;

/** Open at once: more of them nobody reads, and each is part of the job until it is answered. */
const maxOpen = 16;
const maxInput = 4 * 1024;
const maxName = 200;
/** Ids of questions that are remembered. */
const maxKnown = 1_000;

type Open = Readonly<{ request: string; question: Question; input: Record<string, unknown>; over: AbortController }>;
type End = Readonly<{ decision: Decision; reason: QuestionEnd; by?: string; message?: string }>;

/**
 * Turns Claude's questions into events and the job's `questions`, and answers into what Claude reads. What is printed may be
 * forged by what runs beside Claude: a question is taken once, and an answer only counts for what was shown under its id.
 */
export function openApprovals({ keeper, write, timeoutMs }: Asking, { clock, redact, newId }: Deps): Approvals {
  const open = new Map<string, Open>();
  const closing = new Set<string>();
  const known = new Set<string>();
  let isOver = false;
  const clean = (text: string, most: number) => shorten(redact(text), most);
  const show = () =>
    keeper.patch({
      questions: [...open.values()]
        .map(({ question }) => question)
        .filter(({ question_id }) => !closing.has(question_id)),
    });

  function ask(request: string, { tool_name = "", tool_use_id, input = {} }: Wanted, waitMs: number): void {
    const shown = toJson(input, undefined);
    if (shown === undefined) {
      write(denyLine(request, denials.tooLong));
      return;
    }
    const question: Question = {
      question_id: newId(),
      tool: clean(tool_name, maxName),
      ...(tool_use_id === undefined ? {} : { tool_use_id: tool_use_id.slice(0, maxName) }),
      input: clean(shown, maxInput),
      until: iso(clock.now() + waitMs),
    };
    const one = { request, question, input, over: new AbortController() };
    open.set(question.question_id, one);
    keeper.emit({ type: "question.asked", data: question });
    show();
    void expire(one, waitMs);
  }
  async function expire(one: Open, waitMs: number): Promise<void> {
    await clock.sleep(waitMs, one.over.signal);
    if (one.over.signal.aborted) return;
    // From the next renewal on the store takes no answer; one that it has taken comes with it, and counts.
    closing.add(one.question.question_id);
    show();
    await keeper.flush().catch(() => undefined);
    if (!one.over.signal.aborted) close(one, { decision: "deny", reason: "timeout", message: denials.late });
  }
  function close({ request, question, input, over }: Open, { message, ...end }: End): void {
    const { question_id } = question;
    over.abort();
    open.delete(question_id);
    closing.delete(question_id);
    const said = end.reason === "answered" && message !== undefined ? { message: clean(message, maxInput) } : {};
    keeper.emit({ type: "question.answered", data: { question_id, ...end, ...said } });
    show();
    if (end.reason !== "answered" && end.reason !== "timeout") return;
    write(end.decision === "allow" ? allowLine(request, input) : denyLine(request, message ?? denials.bare));
  }
  const isKnown = (request: string) => known.has(request) || [...open.values()].some((one) => one.request === request);
  const withdraw = (request: string) => {
    for (const one of [...open.values()])
      if (one.request === request) close(one, { decision: "deny", reason: "withdrawn" });
  };

  return {
    seen: (message, { text, dropped }) => {
      if (timeoutMs === undefined || isOver) return;
      if (message.type === "control_cancel_request") return withdraw(message.request_id);
      const request = message.type === "control_request" ? message.request_id : requestIn(text);
      if (request === undefined || request.length > maxName || isKnown(request)) return;
      known.add(request);
      for (const oldest of known) if (known.size > maxKnown) known.delete(oldest);
      // Without its middle an input is another one: it can neither be shown nor be let through.
      if (dropped > 0 || message.type !== "control_request") return write(denyLine(request, denials.tooLong));
      if (message.request.subtype !== "can_use_tool") return write(unableLine(request));
      if (open.size >= maxOpen) return write(denyLine(request, denials.tooMany));
      ask(request, message.request, timeoutMs);
    },
    answer: ({ id, text, answer }) => {
      const one = open.get(id);
      if (one && answer) {
        const { decision, by } = answer;
        close(one, { decision, reason: "answered", by, ...(text === "" ? {} : { message: text }) });
      }
      keeper.delivered(id);
    },
    waits: () => open.size > 0,
    end: () => {
      isOver = true;
      for (const one of [...open.values()]) close(one, { decision: "deny", reason: "ended" });
    },
  };
}

type Wanted = Extract<ClaudeMessage, { type: "control_request" }>["request"];

/** The id of a question whose line was too long to be read whole. */
const requestIn = (text: string): string | undefined =>
  /^\s*\{\s*"type"\s*:\s*"control_request"\s*,\s*"request_id"\s*:\s*"([\w-]{1,100})"/.exec(text)?.[1];
