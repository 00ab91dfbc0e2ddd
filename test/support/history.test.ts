import { expect, test } from "vitest";
import type { EventType, JobEvent } from "../../shared/event.ts";
import type { Job, JobId } from "../../shared/job.ts";
import { aJob, aJobId } from "./a-job.ts";
import { faultsOf, type History } from "./history.ts";

const id = aJobId();
const at = "2026-03-01T12:00:00.000Z";
const attempt = (number: number) => ({
  number,
  pod_name: "box-1",
  started_at: at,
  ended_at: at,
  reason: "ended" as const,
});

/** Events written as `type/attempt` or `text/attempt`. */
const log = (...entries: readonly string[]): JobEvent[] =>
  entries.map((entry, n) => {
    const [what = "", number = "0"] = entry.split("/");
    const data = /:/.test(what) ? { text: what } : what === "retry" ? { reason: "retry" } : {};
    const type = /:/.test(what) ? "claude.said" : what === "retry" ? "job.queued" : what;
    return { id: `${n}`, type: type as EventType, at, attempt: Number(number), data };
  });

const asked = (...ids: readonly JobId[]) => ({ asked: new Set(ids), taken: new Set(ids) });

/** One job that was lost once and then ended well, and what is other than that. */
function faults(more: Partial<History> & { job?: Partial<Job>; events?: readonly JobEvent[] } = {}): string {
  const { job = {}, events, ...other } = more;
  const ended = aJob({ id, status: "succeeded", attempt: 2, attempts: [attempt(1), attempt(2)], ...job });
  const whole = log(
    ...["job.queued/0", "job.claimed/1", "1:0/1", "lease.lost/1", "job.queued/1"],
    ...["job.claimed/2", "2:0/2", "2:1/2", "job.succeeded/2"],
  );
  return faultsOf({
    accepted: [{ job: id, key: "k" }],
    claims: [
      { job: id, fence: 1, runner: "a" },
      { job: id, fence: 1, runner: "a" },
      { job: id, fence: 2, runner: "b" },
    ],
    runs: [
      { job: id, fence: 1, from: 0, until: 10 },
      { job: id, fence: 2, from: 10, until: 20 },
    ],
    endings: [{ job: id, fence: 2, status: "succeeded", said: ["2:0", "2:1"] }],
    cancels: { asked: new Set(), taken: new Set() },
    messages: [],
    jobs: [{ job: ended, events: events ?? whole }],
    ...other,
  }).join("; ");
}

test("a history in which all is well has no faults", () => {
  expect(faults()).toBe("");
  const cancelled = log(
    "job.queued/0",
    "job.claimed/1",
    "cancel.requested/1",
    "job.cancelled/1",
    "retry/1",
    "job.claimed/2",
    "job.succeeded/2",
  );
  expect(faults({ events: cancelled, cancels: asked(id), endings: [] })).toBe("");
});

test("a job that was accepted and is not there, or does not end, is lost", () => {
  expect(faults({ accepted: [{ job: aJobId() }] })).toMatch(/^lost: .* was accepted$/);
  const open = log("job.queued/0", "job.claimed/1", "job.queued/1", "job.claimed/2");
  expect(faults({ job: { status: "running" }, events: open, endings: [] })).toMatch(/lost: .* is running at the end/);
});

test("a key that made two jobs is found", () => {
  const other = aJobId();
  const jobs = [id, other].map((job) => ({
    job: aJob({ id: job, status: "cancelled" as const, attempts: [] }),
    events: log("job.queued/0", "cancel.requested/0", "job.cancelled/0"),
  }));
  const accepted = [id, other].map((job) => ({ job, key: "k" }));
  expect(faults({ accepted, jobs, claims: [], runs: [], endings: [], cancels: asked(id, other) })).toMatch(
    /^the key k made 2 jobs/,
  );
});

test("a fence that went to two runners, or back, is found", () => {
  const claim = (fence: number, runner: string) => ({ job: id, fence, runner });
  expect(faults({ claims: [claim(1, "a"), claim(2, "b"), claim(2, "c")] })).toMatch(/fence 2 went to b and c/);
  expect(faults({ claims: [claim(2, "b"), claim(1, "a")] })).toMatch(/fence 1 was given out after 2/);
});

test("two process trees that live together, and one fence started twice, are found", () => {
  const run = (fence: number, from: number, until: number) => ({ job: id, fence, from, until });
  expect(faults({ runs: [run(1, 0, 10), run(2, 7, 20)] })).toMatch(/fences 1 and 2 lived together for 3 ms/);
  expect(faults({ runs: [run(2, 7, 20), run(1, 0, 100)] })).toMatch(/fences 1 and 2 lived together/);
  expect(faults({ runs: [run(2, 0, 10), run(2, 10, 20)] })).toMatch(/fence 2 was started twice/);
});

test("two ends, what is told behind one, and an end that is not the job's are found", () => {
  const begin = ["job.queued/0", "job.claimed/1", "job.queued/1", "job.claimed/2"] as const;
  const none = { endings: [] };
  expect(faults({ ...none, events: log(...begin, "job.succeeded/2", "job.failed/2") })).toMatch(
    /job.failed is told behind/,
  );
  expect(faults({ ...none, events: log(...begin, "job.succeeded/2", "claude.said/2") })).toMatch(/told behind the end/);
  expect(faults({ ...none, events: log(...begin) })).toMatch(/its log says something else/);
  const failed = log(...begin, "job.failed/2");
  expect(faults({ events: failed, endings: [{ job: id, fence: 2, status: "succeeded", said: [] }] })).toMatch(
    /took the end succeeded under fence 2, and has another/,
  );
});

test("an attempt that is claimed out of turn, or after a cancel, and a word of an earlier one are found", () => {
  const none = { endings: [] };
  const skipped = log("job.queued/0", "job.claimed/1", "job.claimed/3", "job.succeeded/3");
  expect(faults({ ...none, events: skipped })).toMatch(/attempt 3 was claimed after 1/);
  const stale = log("job.queued/0", "job.claimed/1", "job.claimed/2", "1:0/1", "job.succeeded/2");
  expect(faults({ ...none, events: stale })).toMatch(/claude.said of attempt 1 is told in attempt 2/);
  const vain = log(
    "job.queued/0",
    "job.claimed/1",
    "cancel.requested/1",
    "job.queued/1",
    "job.claimed/2",
    "job.succeeded/2",
  );
  expect(faults({ ...none, events: vain })).toMatch(/attempt 2 was claimed after the cancel/);
  const early = log("job.queued/0", "job.claimed/1", "retry/1", "job.claimed/2", "job.succeeded/2");
  expect(faults({ ...none, events: early })).toMatch(/retried before it had ended/);
});

test("a cancel that nobody asked for is found", () => {
  const events = log("job.queued/0", "job.claimed/1", "job.queued/1", "job.claimed/2", "job.cancelled/2");
  expect(faults({ events, endings: [], job: { status: "cancelled" } })).toMatch(/nobody asked for it/);
});

test("what an attempt told twice, out of order, or not at all is found", () => {
  const told = (...texts: readonly string[]) =>
    faults({
      events: log(
        ...["job.queued/0", "job.claimed/1", "job.queued/1", "job.claimed/2"],
        ...texts.map((text) => `${text}/2`),
        "job.succeeded/2",
      ),
    });
  expect(told("2:0", "2:1")).toBe("");
  expect(told("2:0", "2:0", "2:1")).toMatch(/heard as 0,0,1/);
  expect(told("2:1", "2:0")).toMatch(/heard as 1,0/);
  expect(told("2:1")).toMatch(/heard as 1; .*2:0 is not in the log/);
  expect(told("2:0")).toMatch(/2:1 is not in the log/);
  expect(faults({ endings: [{ job: id, fence: 1, said: ["1:0", "1:1"] }] })).toMatch(/1:1 is not in the log/);
});

test("a cancel or a message that the store took and forgot, and a message told of twice, are found", () => {
  const begin = ["job.queued/0", "job.claimed/1", "job.queued/1", "job.claimed/2"] as const;
  const told = (...events: readonly JobEvent["type"][]) => [
    ...log(...begin),
    ...events.map((type, n) => ({ id: `m${n}`, type, at, attempt: 2, data: { message_id: "m" } })),
    ...log("job.succeeded/2"),
  ];
  const none = { endings: [] };
  const messages = [{ job: id, message: "m" }];
  expect(faults({ ...none, messages, events: told("message.received", "message.delivered") })).toBe("");
  expect(faults({ ...none, messages, events: told() })).toMatch(/message m was taken and is not in the log/);
  expect(faults({ ...none, events: told("message.received", "message.received") })).toMatch(/told of twice/);
  expect(faults({ ...none, events: told("message.received", "message.delivered", "message.delivered") })).toMatch(
    /told of twice/,
  );
  expect(faults({ ...none, events: told("message.delivered") })).toMatch(/came from nowhere/);
  expect(faults({ ...none, cancels: asked(id), events: told() })).toMatch(/its cancel was taken/);
});
