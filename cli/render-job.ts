import { isTerminal, type Job, type JobStatus, type JobSummary, type NotifyState } from "../shared/job.ts";
import { dollars, duration } from "./amount.ts";
import { cut, harmless, type Paint, table } from "./print.ts";
import { change, short } from "./render-event.ts";

type Look = Readonly<{ paint: Paint; width: number; nowMs: number }>;

/** A job as a block of names and values; then what Claude said last. */
export function renderJob(job: Job, look: Look): string {
  const rows = factsOf(job, look).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  const labelled = rows.map(([name, value]) => [`${name}:`.padEnd(10), harmless(value)] as const);
  const block = labelled.map(
    ([name, value]) => `${look.paint.dim(name)} ${value.replaceAll("\n", `\n${" ".repeat(11)}`)}`,
  );
  const output = job.output ? ["", harmless(job.output).trimEnd()] : [];
  return [...block, ...output].join("\n");
}

function factsOf(job: Job, { paint, nowMs }: Look): (readonly [string, string | undefined])[] {
  const { diff, commit, waiting, pr_error, checks } = job;
  return [
    ["job", job.id],
    ["status", statusOf(job, paint)],
    ["error", job.error && `${job.error} [${job.error_code}]`],
    ["remedy", job.remedy],
    ["task", cut(job.task, 200)],
    ["repo", job.repo_url && `${job.repo_url}${job.base_ref ? ` at ${job.base_ref}` : ""}`],
    ["profile", job.route_reason ? `${job.profile} (${cut(job.route_reason, 200)})` : job.profile],
    ["waiting", waiting && `${waiting.reason} until ${waiting.until}`],
    ...(job.questions ?? []).map(
      ({ question_id, tool, input, until }) =>
        [
          "asks for",
          `${tool} ${cut(input, 400)}\nUntil ${until}: agenticore answer ${job.id.slice(0, 8)} ${question_id.slice(0, 8)} allow|deny [--message TEXT]`,
        ] as const,
    ),
    ["runner", job.pod_name],
    ["branch", job.branch],
    ["commit", commit && `${short(commit)}${diff ? ` (${change(diff.files, diff.insertions, diff.deletions)})` : ""}`],
    ["checks", checks?.map(({ command, result }) => `${result}: ${command}`).join("\n")],
    ["pr", job.pr_url],
    ["no pr", pr_error && `${pr_error.sentence} ${pr_error.remedy}`],
    ["session", job.session_id],
    ["time", timeOf(job, nowMs)],
    ["cost", job.cost_usd === undefined ? undefined : dollars(job.cost_usd)],
    ["notified", job.notify && notifiedOf(job.notify)],
    ["warnings", job.warnings?.join("\n")],
    ["as of", job.stale ? `${job.as_of}: the store cannot be reached, this is a copy` : undefined],
  ];
}

function notifiedOf({ delivered, delivered_at, attempts, last_error, given_up }: NotifyState): string {
  const taken = delivered_at === undefined ? "not yet" : `${delivered} of ${attempts} requests, last ${delivered_at}`;
  return [taken, last_error, given_up && `given up: ${given_up}`].filter(Boolean).join("; ");
}

function statusOf(job: Job, paint: Paint): string {
  const details = [
    job.status === "running" ? job.phase : undefined,
    job.status === "queued" && job.queue_position ? `number ${job.queue_position} in the queue` : undefined,
    job.durability === "spooled" && !isTerminal(job.status)
      ? "spooled: on the server's disk until its store is back"
      : undefined,
    job.attempt > 1 ? `attempt ${job.attempt}` : undefined,
    job.cancel_requested_at && !isTerminal(job.status) ? "cancel requested" : undefined,
  ].filter((detail) => detail !== undefined);
  return `${statusColour(job.status, paint)(job.status)}${details.length > 0 ? ` (${details.join(", ")})` : ""}`;
}

export function statusColour(status: JobStatus, paint: Paint): (text: string) => string {
  if (status === "succeeded") return paint.green;
  if (status === "failed" || status === "expired") return paint.red;
  return status === "running" ? paint.cyan : paint.yellow;
}

function timeOf({ created_at, started_at, ended_at }: Job, nowMs: number): string {
  const end = ended_at === undefined ? nowMs : Date.parse(ended_at);
  if (started_at === undefined) return `queued for ${duration(end - Date.parse(created_at))}`;
  const queued = duration(Date.parse(started_at) - Date.parse(created_at));
  return `${duration(end - Date.parse(started_at))}, after ${queued} in the queue`;
}

/** Rows of a list, newest first as the server gives them. */
export function renderJobs(jobs: readonly JobSummary[], { paint, width, nowMs }: Look): string {
  const rows = jobs.map((job) => [
    job.id,
    job.status,
    duration(nowMs - Date.parse(job.created_at)),
    job.profile,
    cut(job.repo_url ?? "-", 40),
    job.task,
  ]);
  const [head = "", ...lines] = table(
    [["JOB", "STATUS", "AGE", "PROFILE", "REPOSITORY", "TASK"], ...rows],
    width,
  ).split("\n");
  const painted = lines.map((line, index) => {
    const status = jobs[index]?.status ?? "queued";
    return line.replace(` ${status}`, ` ${statusColour(status, paint)(status)}`);
  });
  return [paint.bold(head), ...painted].join("\n");
}
