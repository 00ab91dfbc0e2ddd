import { execFileSync } from "node:child_process";
import { isTerminalEvent, type JobEvent } from "../../shared/event.ts";
import { isTerminal, type Job } from "../../shared/job.ts";
import { idOf, type Told } from "./clients.ts";
import { type Life, overlapsOf, startedTwice } from "./life-log.ts";

/** What is known of one job when all is over; `job` is absent where no API knows it. */
export type Known = Readonly<{ told: Told; job: Job | undefined; events: readonly JobEvent[] }>;

/** What may not be, and each case of it. */
export type Faulty = Readonly<Record<(typeof rules)[number], readonly string[]>>;
const rules = [
  "lost",
  "two jobs for one key",
  "overlapping runs",
  "started twice under one fence",
  "terminal state twice",
  "events of an earlier attempt behind a later one",
  "alive or started behind the end",
  "an end that nothing explains",
] as const;

/** Holds the history against the promises of ARCHITECTURE: all lists empty, or something is broken. */
export function judgeHistory(known: readonly Known[], lives: readonly Life[]): Faulty {
  const ended = known.filter(({ job }) => job !== undefined && isTerminal(job.status));
  const livesOf = Map.groupBy(lives, ({ job }) => job);
  return {
    lost: known
      .filter((one) => !ended.includes(one))
      .map(({ told, job }) => `${told.order.key} ${idOf(told)}: ${job?.status ?? "unknown"}`),
    "two jobs for one key": known
      .filter(({ told }) => told.ids.size !== 1)
      .map(({ told }) => `${told.order.key}: ${[...told.ids]}`),
    "overlapping runs": overlapsOf(lives).map(
      ({ job, ms, lives: [one, other] }) => `${job}: fences ${one.fence} and ${other.fence}, ${ms.toFixed(1)} ms`,
    ),
    "started twice under one fence": startedTwice(lives),
    "terminal state twice": ended.filter(({ events }) => !endsOnce(events)).map(named),
    "events of an earlier attempt behind a later one": ended.filter(({ events }) => !inOrder(events)).map(named),
    "alive or started behind the end": ended.flatMap(({ job }) =>
      (livesOf.get(job?.id ?? "") ?? [])
        // The store's milliseconds are rounded down.
        .filter(({ lastAt }) => lastAt > Date.parse(job?.ended_at ?? "") + 2)
        .map(({ fence, lastAt }) => `${job?.id} fence ${fence}: ${lastAt - Date.parse(job?.ended_at ?? "")} ms`),
    ),
    "an end that nothing explains": ended
      .filter(({ job, told }) => !isExplained(job, told, livesOf.get(job?.id ?? "") ?? []))
      .map(named),
  };
}

const named = ({ job, events }: Known): string =>
  `${job?.id} ${job?.status} ${job?.error_code ?? ""} attempts ${job?.attempts.map(({ reason }) => reason)}: ${events.map(({ type, attempt }) => `${type}/${attempt}`).join(" ")}`;

const endsOnce = (events: readonly JobEvent[]): boolean =>
  events.filter(isTerminalEvent).length === 1 && events.slice(-1).every(isTerminalEvent);

/** Attempts never go back, and each is claimed once: the next one up. */
function inOrder(events: readonly JobEvent[]): boolean {
  const attempts = events.map(({ attempt }) => attempt);
  const claims = events.filter(({ type }) => type === "job.claimed").map(({ attempt }) => attempt);
  return (
    attempts.every((attempt, at) => attempt >= (attempts[at - 1] ?? 0)) &&
    claims.every((attempt, at) => attempt === at + 1)
  );
}

/** Succeeded with work that was done, cancelled because somebody asked, or failed because its starts were used up. */
function isExplained(job: Job | undefined, told: Told, lives: readonly Life[]): boolean {
  switch (job?.status) {
    case "succeeded":
      return lives.some(({ doneAt }) => doneAt !== undefined);
    case "cancelled":
      return told.cancelAsked;
    case "failed":
      return (
        job.error_code === "runner_lost" &&
        job.attempts.filter(({ reason }) => reason === "crashed" || reason === "lease_lost").length >= job.max_attempts
      );
    default:
      return false;
  }
}

/** Each success in the repository has its branch with one commit; @returns what is not so. */
export function judgeBranches(known: readonly Known[], repo: string): readonly string[] {
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: repo, encoding: "utf8" }).trim();
  return known.flatMap(({ told, job }) => {
    if (!told.order.inRepo || job?.status !== "succeeded") return [];
    const branch = job.branch ?? "none";
    const commits =
      git("branch", "--list", branch) === "" ? "no branch" : git("rev-list", "--count", `main..${branch}`);
    return commits === "1" ? [] : [`${job.id} ${branch}: ${commits}`];
  });
}
