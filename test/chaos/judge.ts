import { execFileSync } from "node:child_process";
import { isTerminalEvent, type JobEvent } from "../../shared/event.ts";
import { isTerminal, type Job, JobId } from "../../shared/job.ts";
import { faultsOf, type History } from "../support/history.ts";
import { idOf, type Told } from "./clients.ts";
import { type Life, overlapsOf } from "./life-log.ts";

/** What is known of one job when all is over; `job` is absent where no API knows it. */
export type Known = Readonly<{ told: Told; job: Job | undefined; events: readonly JobEvent[] }>;

/**
 * What may not be, and each case of it: all lists empty, or a promise of jobs.md 6 is broken. `tooLate`: jobs that had ended
 * when a server brought a cancel that it had kept, as it said.
 */
export function judgeHistory(
  known: readonly Known[],
  lives: readonly Life[],
  tooLate: ReadonlySet<string> = new Set(),
): Readonly<Record<string, string[]>> {
  const ended = known.filter(({ job }) => job !== undefined && isTerminal(job.status));
  const livesOf = (one: Known) => lives.filter(({ job }) => job === one.job?.id);
  return {
    lost: known
      .filter((one) => !ended.includes(one))
      .map(({ told, job }) => `${told.order.key} ${idOf(told)}: ${job?.status ?? "unknown"}`),
    "overlapping runs": overlapsOf(lives).map(
      ({ job, ms, lives: [one, other] }) => `${job}: fences ${one.fence} and ${other.fence}, ${ms.toFixed(1)} ms`,
    ),
    "terminal state twice": ended.filter(({ events }) => !endsOnce(events)).map(named),
    "alive or started behind the end": ended.flatMap((one) =>
      livesOf(one)
        // The store's milliseconds are rounded down.
        .filter(({ lastAt }) => lastAt > endOf(one) + 2)
        .map(({ fence, startedAt, lastAt }) => {
          const [from, till] = [startedAt, lastAt].map((at) => (at - endOf(one)).toFixed(1));
          return `fence ${fence} from ${from} to ${till} ms behind it: ${named(one)}`;
        }),
    ),
    "an end that nothing explains": ended.filter((one) => !isExplained(one, livesOf(one))).map(named),
    "followed to the end, and not all of it": ended.filter((one) => !isFollowed(one)).map(named),
    "other breaks of the history": [...faultsOf(historyOf(known, lives, tooLate))],
  };
}

const named = ({ job, events, told }: Known): string =>
  [
    `${job?.id} ${job?.status} ${job?.error_code ?? ""} ${job?.error ?? ""}`,
    `attempts ${job?.attempts.map(({ reason }) => reason)}`,
    `log ${events.map(({ type, attempt, at }) => `${type}/${attempt}/${at.slice(17, -1)}`).join(" ")}`,
    ...(told.followed ? [`seen ${told.followed.length} of ${events.length}`] : []),
  ].join("; ");

const endOf = ({ job }: Known): number => Date.parse(job?.ended_at ?? "");

const endsOnce = (events: readonly JobEvent[]): boolean =>
  events.filter(isTerminalEvent).length === 1 && events.slice(-1).every(isTerminalEvent);

/** Succeeded with work that was done, cancelled because somebody asked, or failed because its starts were used up. */
function isExplained({ job, told }: Known, lives: readonly Life[]): boolean {
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

/** Who followed a job over all deaths of APIs saw each event, once, in order. */
const isFollowed = ({ told, events }: Known): boolean =>
  told.followed === undefined || told.followed.join() === events.map(({ id }) => id).join();

/** The same for the checker that the simulation uses too: fences are the numbers of attempts where nobody retries. */
function historyOf(known: readonly Known[], lives: readonly Life[], tooLate: ReadonlySet<string>): History {
  const jobs = known.flatMap(({ job, events }) => (job ? [{ job, events }] : []));
  return {
    accepted: known.flatMap(({ told }) => [...told.ids].map((id) => ({ job: JobId.parse(id), key: told.order.key }))),
    claims: jobs.flatMap(({ job, events }) =>
      events.flatMap(({ type, attempt, data }) =>
        type === "job.claimed" ? [{ job: job.id, fence: attempt, runner: String(data["pod_name"]) }] : [],
      ),
    ),
    runs: lives.map(({ job, fence, startedAt, lastAt }) => ({
      ...{ job: JobId.parse(job), fence, from: startedAt, until: lastAt },
    })),
    endings: jobs.flatMap(({ job }) => {
      const last = lives.find((life) => life.job === job.id && life.fence === job.attempt);
      if (job.status !== "succeeded" || last?.said === undefined) return [];
      const said = Array.from({ length: last.said }, (_, n) => `${last.fence}:${n}`);
      return [{ job: job.id, fence: job.attempt, status: job.status, said }];
    }),
    cancels: {
      asked: new Set(known.flatMap(({ told, job }) => (told.cancelAsked && job ? [job.id] : []))),
      taken: new Set(
        known.flatMap(({ told: { cancelTaken }, job }) =>
          job && (cancelTaken === "by the store" || (cancelTaken && !tooLate.has(job.id))) ? [job.id] : [],
        ),
      ),
    },
    messages: [], // their ids are the API's
    jobs,
  };
}

/**
 * Each success in the repository has its branch with one commit, the fake Claude's leftovers; more only where a later attempt
 * heard a message, and so worked on. @returns what is not so.
 */
export function judgeBranches(known: readonly Known[], repo: string): readonly string[] {
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: repo, encoding: "utf8" }).trim();
  return known.flatMap((one) => {
    const { told, job } = one;
    if (!told.order.inRepo || job?.status !== "succeeded") return [];
    const branch = job.branch ?? "none";
    const commits =
      git("branch", "--list", branch) === "" ? "no branch" : git("rev-list", "--count", `main..${branch}`);
    const workedOn = one.events.some(({ type, attempt }) => type === "message.delivered" && attempt > 1);
    return commits === "1" || (workedOn && Number(commits) > 1) ? [] : [`${branch}: ${commits}; ${named(one)}`];
  });
}
