import type { JobEvent } from "../../shared/event.ts";
import type { ApiDeps } from "../deps.ts";
import { followEvents, openEvents } from "../events.ts";
import { type Asking, jobId } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { cutText } from "./views.ts";

/** Sends one progress notification: how many events there were, and the last one in words. */
export type Notify = (told: Readonly<{ progress: number; message: string }>) => Promise<void>;
type Followed = Readonly<{ id: string; after?: string }>;

const maxMessage = 300;

type Told = Readonly<{ notify: Notify; asking: Asking }>;

/** Gives the call a way to have a job followed, and ends that with it: nothing is told after a result. */
export async function withProgress<T>(
  deps: ApiDeps,
  { notify, asking }: Told,
  call: (follow: (job: Followed) => void) => Promise<T>,
): Promise<T> {
  using over = linkSignals(asking.signal);
  let told = Promise.resolve();
  try {
    return await call((job) => {
      told = tell(deps, job, { notify, asking: { ...asking, signal: over.signal } });
    });
  } finally {
    over[Symbol.dispose]();
    await told;
  }
}

/** Until the signal aborts or the job ends. Never rejects: a call does not fail because its progress could not be told. */
async function tell(deps: ApiDeps, { id, after }: Followed, { notify, asking }: Told): Promise<void> {
  const signal = asking.signal ?? new AbortController().signal;
  try {
    const start = await openEvents(deps, { id, ...(after === undefined ? {} : { after }) }, asking);
    let progress = 0;
    for await (const event of followEvents(deps, { id: jobId(id), start }, signal)) {
      if (signal.aborted) return;
      if (!event || "stale" in event) continue;
      const message = inWords(event);
      progress += 1;
      if (message !== undefined) await notify({ progress, message: cutText(message, maxMessage) });
    }
  } catch (error) {
    deps.log.debug("progress could not be told", { job: id, error });
  }
}

/** Undefined for what only programs want to know. */
function inWords({ type, data }: JobEvent): string | undefined {
  const text = (name: string) => String(data[name] ?? "");
  switch (type) {
    case "phase.changed":
      return text("phase");
    case "claude.said":
      return text("text").trim() || undefined;
    case "tool.started":
      return `${text("tool")} ${text("input")}`;
    case "tool.ended":
    case "usage.updated":
      return undefined;
    case "job.delayed":
      return `waiting until ${text("until")}: ${text("reason")}`;
    case "question.asked":
      return `asks for ${text("tool")} ${text("input")}`;
    case "branch.pushed":
      return `pushed ${text("branch")}`;
    case "pr.opened":
    case "pr.updated":
      return `pull request ${text("url")}`;
    case "pr.failed":
      return `no pull request: ${text("sentence")}`;
    case "job.failed":
      return `failed: ${text("error")}`;
    default:
      return type.replace(/^job\./, "");
  }
}
