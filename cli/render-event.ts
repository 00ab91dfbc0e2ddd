import type { EventType, JobEvent } from "../shared/event.ts";
import { dollars, duration, plural } from "./amount.ts";
import { cut, harmless, type Paint } from "./print.ts";

type Facts = Readonly<{ text: (name: string) => string; number: (name: string) => number }>;

type Look = Readonly<{ paint: Paint; width: number; job?: string }>;

/**
 * One event as lines for a person: the time, then what happened, and for a question of `job` how to answer. Undefined for what
 * only programs want to know.
 */
export function renderEvent(event: JobEvent, { paint, width, job }: Look): string | undefined {
  const facts: Facts = {
    text: (name) => harmless(String(event.data[name] ?? "")),
    number: (name) => Number(event.data[name] ?? 0),
  };
  const said = describe(event.type, facts, event.attempt);
  if (said === undefined) return undefined;
  const room = Math.max(20, width - indent.length);
  const lines = event.type === "claude.said" ? said.split("\n") : [cut(said, room)];
  const body = lines.map((line) => colour(event, paint)(line)).join(`\n${indent}`);
  const line = `${paint.dim(new Date(event.at).toTimeString().slice(0, 8))}  ${body}`;
  return event.type === "question.asked" && job !== undefined
    ? `${line}\n${indent}${paint.dim(howToAnswer(job, facts))}`
    : line;
}

const howToAnswer = (job: string, { text }: Facts): string =>
  `Until ${text("until")}: agenticore answer ${job.slice(0, 8)} ${text("question_id").slice(0, 8)} allow|deny [--message TEXT]`;

const indent = " ".repeat("00:00:00  ".length);

function describe(type: EventType, { text, number }: Facts, attempt: number): string | undefined {
  switch (type) {
    case "job.queued":
      return `queued${text("reason") ? ` again: ${text("reason")}` : ""}`;
    case "job.claimed":
      return `claimed by ${text("pod_name")}${attempt > 1 ? `, attempt ${attempt}` : ""}`;
    case "job.delayed":
      return `waiting until ${text("until")}: ${text("reason")}`;
    case "phase.changed":
      return text("phase");
    case "repo.fetched":
      return `fetched ${text("base_ref")} at ${short(text("commit"))} in ${duration(number("ms"))}`;
    case "worktree.opened":
      return `worktree on branch ${text("branch")} in ${duration(number("ms"))}`;
    case "claude.started":
      return `Claude ${text("resumed") === "true" ? "goes on" : "started"}, session ${text("session_id")}`;
    case "claude.said":
      return text("text").trim() || undefined;
    case "tool.started":
      return `→ ${text("tool")} ${text("input")}`;
    case "tool.ended":
      return `← ${text("is_error") === "true" ? "failed: " : ""}${text("output") || "done"}`;
    case "claude.retrying":
      return `the model answered ${text("status") || text("error")}: trying again in ${duration(number("delay_ms"))}`;
    case "permission.denied":
      return `not allowed by the profile: ${text("tool")}`;
    case "question.asked":
      return `Claude asks for ${text("tool")} ${text("input")}`;
    case "question.answered":
      return `${answered[text("reason")] ?? text("reason")}: ${text("decision")}${text("message") && `, ${text("message")}`}`;
    case "usage.updated":
      return undefined;
    case "message.received":
      return `message received (${text("mode")})`;
    case "message.delivered":
      return "message delivered to Claude";
    case "cancel.requested":
      return `cancel requested by ${text("by")}`;
    case "budget.warned":
      return `${dollars(number("cost_usd"))} of ${dollars(number("max_budget_usd"))} are spent`;
    case "output.truncated":
      return `output cut: ${plural(number("bytes"), "byte")} left out`;
    case "log.dropped":
      return `${plural(number("count"), "older event")} dropped from the log`;
    case "lease.lost":
      return `${text("pod_name")} lost the job: ${text("reason")}`;
    case "work.committed":
      return `committed ${short(text("commit"))}: ${change(number("files"), number("insertions"), number("deletions"))}`;
    case "branch.pushed":
      return `pushed ${text("branch")}`;
    case "pr.opened":
      return `pull request ${text("url")}`;
    case "pr.updated":
      return `pull request updated ${text("url")}`;
    case "pr.failed":
      return `no pull request: ${text("sentence")}`;
    case "job.succeeded":
      return "succeeded";
    case "job.failed":
    case "job.cancelled":
    case "job.expired":
      return `${type.slice("job.".length)}${text("error") ? `: ${text("error")}` : ""}`;
    default:
      return type satisfies never;
  }
}

const answered: Readonly<Record<string, string>> = {
  answered: "the question was answered",
  timeout: "nobody answered the question in time",
  withdrawn: "Claude took the question back",
  ended: "the question ended with the run",
  lost: "the question was lost with its runner",
};

function colour({ type, data }: JobEvent, paint: Paint): (text: string) => string {
  if (type === "job.succeeded" || type.startsWith("pr.open")) return paint.green;
  if (type === "job.failed" || type === "job.expired" || type === "lease.lost") return paint.red;
  if (/^(?:permission|question|budget|pr\.failed|job\.(?:cancelled|delayed)|claude\.retrying|log|output)/.test(type))
    return paint.yellow;
  if (type === "tool.ended") return data["is_error"] === true ? paint.yellow : paint.dim;
  if (type === "tool.started") return paint.cyan;
  return type === "claude.said" ? (text) => text : paint.dim;
}

export const short = (commit: string): string => commit.slice(0, 10);
export const change = (files: number, insertions: number, deletions: number): string =>
  `${plural(files, "file")}, +${insertions} -${deletions}`;
