import { isTerminalEvent, type JobEvent } from "../../shared/event.ts";
import { isTerminal, type Job, type JobId, type TerminalStatus } from "../../shared/job.ts";

/** One process tree of a job: it lived from its start until it was seen dead. Milliseconds of one clock. */
export type Run = Readonly<{ job: JobId; fence: number; from: number; until: number }>;

/** What was seen of a store and of those who use it. */
export type History = Readonly<{
  /** Answers to submissions; `key` where the same key must mean the same job. */
  accepted: readonly Readonly<{ job: JobId; key?: string }>[];
  /** Leases in the order in which the store gave them out; the answer to a claim asked for again counts again. */
  claims: readonly Readonly<{ job: JobId; fence: number; runner: string }>[];
  runs: readonly Run[];
  /** Ends of attempts that the store has taken, told once or more; without `status` the job was given back. `said` is what the attempt told in all, in order. */
  endings: readonly Readonly<{ job: JobId; fence: number; status?: TerminalStatus; said: readonly string[] }>[];
  /** Jobs that somebody asked to cancel; without one no job may end so. `taken`: those of which the store said that it is noted. */
  cancels: Readonly<{ asked: ReadonlySet<JobId>; taken: ReadonlySet<JobId> }>;
  /** Follow-ups that the store has taken. */
  messages: readonly Readonly<{ job: JobId; message: string }>[];
  /** All jobs at the end, with their whole logs. */
  jobs: readonly Readonly<{ job: Job; events: readonly JobEvent[] }>[];
}>;

/**
 * What of the promises of jobs.md 6 a history breaks, one sentence each; none where all is well. Every accepted job is there
 * and has ended; a key made one job; fences grow and belong to one runner; never do two process trees of a job live at once;
 * each life of a job (until a retry) ends once, as the store has said; what an attempt told is in the log once, in order, and
 * so is what people asked.
 */
export const faultsOf = (history: History): readonly string[] => [
  ...lost(history),
  ...doubled(history),
  ...fences(history),
  ...overlaps(history.runs),
  ...history.jobs.flatMap(({ job, events }) => [
    ...lives(job, events),
    ...speech(job, events),
    ...endings(job, events, history),
    ...requests(job, events, history),
  ]),
];

function lost({ accepted, jobs }: History): string[] {
  const known = new Map(jobs.map(({ job }) => [job.id, job]));
  const gone = accepted.filter(({ job }) => !known.has(job)).map(({ job }) => `lost: job ${job} was accepted`);
  const open = jobs.filter(({ job }) => !isTerminal(job.status));
  return [...gone, ...open.map(({ job }) => `lost: job ${job.id} is ${job.status} at the end`)];
}

function doubled({ accepted }: History): string[] {
  const keys = Map.groupBy(
    accepted.filter(({ key }) => key !== undefined),
    ({ key }) => key,
  );
  return [...keys].flatMap(([key, answers]) => {
    const ids = new Set(answers.map(({ job }) => job));
    return ids.size === 1 ? [] : [`the key ${key} made ${ids.size} jobs: ${[...ids].join(", ")}`];
  });
}

/** A fence is given out once; asked for again it goes to the same runner. */
function fences({ claims }: History): string[] {
  return [...Map.groupBy(claims, ({ job }) => job)].flatMap(([job, all]) =>
    all.flatMap(({ fence, runner }, at) => {
      const before = all.slice(0, at);
      const same = before.find((claim) => claim.fence === fence);
      if (same)
        return same.runner === runner ? [] : [`job ${job}: fence ${fence} went to ${same.runner} and ${runner}`];
      const highest = Math.max(0, ...before.map((claim) => claim.fence));
      return fence > highest ? [] : [`job ${job}: fence ${fence} was given out after ${highest}`];
    }),
  );
}

function overlaps(runs: readonly Run[]): string[] {
  return [...Map.groupBy(runs, ({ job }) => job)].flatMap(([job, all]) => {
    const inOrder = all.toSorted((a, b) => a.from - b.from);
    return inOrder.flatMap((run, at) => {
      const other = inOrder.slice(0, at).find(({ until }) => until > run.from);
      const twice = inOrder.slice(0, at).some(({ fence }) => fence === run.fence);
      return [
        ...(other
          ? [`job ${job}: fences ${other.fence} and ${run.fence} lived together for ${other.until - run.from} ms`]
          : []),
        ...(twice ? [`job ${job}: fence ${run.fence} was started twice`] : []),
      ];
    });
  });
}

/** Attempts go up by one with each claim and never back; each life ends once, and what is asked for in vain starts nothing. */
function lives(job: Job, events: readonly JobEvent[]): string[] {
  const all: string[] = [];
  const story = () => events.map(({ type, attempt }) => `${type}/${attempt}`).join(" ");
  let [attempt, over, cancelled] = [0, false, false];
  for (const event of events) {
    const { type } = event;
    const isRetry = type === "job.queued" && ["retry", "publish"].includes(String(event.data["reason"]));
    if (over && !isRetry) all.push(`${type} is told behind the end`);
    if (!over && isRetry) all.push("it was retried before it had ended");
    if (isRetry) [over, cancelled] = [false, false];
    if (type === "job.claimed") {
      if (event.attempt !== attempt + 1) all.push(`attempt ${event.attempt} was claimed after ${attempt}`);
      if (cancelled) all.push(`attempt ${event.attempt} was claimed after the cancel`);
      attempt = event.attempt;
    } else if (event.attempt !== attempt) all.push(`${type} of attempt ${event.attempt} is told in attempt ${attempt}`);
    if (type === "cancel.requested") cancelled = true;
    if (isTerminalEvent(event)) over = true;
  }
  if (over !== isTerminal(job.status)) all.push(`it is ${job.status}, and its log says something else`);
  const listed = job.attempts.length + (job.status === "running" ? 1 : 0);
  if (listed !== attempt) all.push(`${listed} attempts are listed, and ${attempt} were claimed`);
  return all.map((fault) => `job ${job.id}: ${fault} (${story()})`);
}

/** Texts are `{fence}:{number}`: each attempt's are there once, without a gap, in order. */
function speech({ id }: Job, events: readonly JobEvent[]): string[] {
  return [...Map.groupBy(textsOf(events), ([fence]) => fence)].flatMap(([fence, texts]) =>
    texts.every(([, n], at) => n === at)
      ? []
      : [`job ${id}: fence ${fence} is heard as ${texts.map(([, n]) => n).join(",")}`],
  );
}
const textsOf = (events: readonly JobEvent[]): (readonly [number, number])[] =>
  events.flatMap(({ type, data }) => {
    const match = type === "claude.said" ? /^(\d+):(\d+)$/.exec(String(data["text"])) : null;
    return match ? [[Number(match[1]), Number(match[2])] as const] : [];
  });

/** The endings that the store took are those of its log, and what their attempts told is there to the last word. */
function endings(job: Job, events: readonly JobEvent[], history: History): string[] {
  const taken = history.endings.filter((ending) => ending.job === job.id);
  const heard = new Set(textsOf(events).map(([fence, n]) => `${fence}:${n}`));
  const ended = events.filter(isTerminalEvent);
  const cancelled = ended.some(({ type }) => type === "job.cancelled") && !history.cancels.asked.has(job.id);
  return [
    ...(cancelled ? [`job ${job.id} was cancelled, and nobody asked for it`] : []),
    ...taken.flatMap(({ fence, status, said }) => {
      // A claim raises both by one, and nothing else raises either.
      const isThere =
        status === undefined || ended.some((event) => event.attempt === fence && event.type === `job.${status}`);
      const missing = said.filter((text) => !heard.has(text));
      return [
        ...(isThere ? [] : [`job ${job.id}: the store took the end ${status} under fence ${fence}, and has another`]),
        ...(missing.length === 0 ? [] : [`job ${job.id}: ${missing.join(", ")} is not in the log`]),
      ];
    }),
  ];
}

function requests({ id }: Job, events: readonly JobEvent[], { cancels, messages }: History): string[] {
  const of = (type: JobEvent["type"]) =>
    events.filter((event) => event.type === type).map(({ data }) => String(data["message_id"]));
  const [received, delivered] = [of("message.received"), of("message.delivered")];
  const twice = [received, delivered].flatMap((ids) => ids.filter((message, at) => ids.indexOf(message) < at));
  const unheard = messages.filter(({ job, message }) => job === id && !received.includes(message));
  const isForgotten = cancels.taken.has(id) && !events.some(({ type }) => type === "cancel.requested");
  return [
    ...twice.map((message) => `job ${id}: message ${message} is told of twice`),
    ...delivered
      .filter((message) => !received.includes(message))
      .map((message) => `job ${id}: message ${message} came from nowhere`),
    ...unheard.map(({ message }) => `job ${id}: message ${message} was taken and is not in the log`),
    ...(isForgotten
      ? [`job ${id}: its cancel was taken and is not in the log (${events.map(({ type }) => type).join(" ")})`]
      : []),
  ];
}
