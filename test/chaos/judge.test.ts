import { expect, test } from "vitest";
import type { JobEvent } from "../../shared/event.ts";
import { aJob } from "../support/a-job.ts";
import type { Told } from "./clients.ts";
import { judgeHistory, type Known } from "./judge.ts";
import type { Life } from "./life-log.ts";
import type { Order } from "./orders.ts";

const endedAt = "2026-03-01T12:00:10.000Z";
const ms = (seconds: number) => Date.parse("2026-03-01T12:00:00.000Z") + seconds * 1000;
const anOrder: Order = { key: "key-1", atMs: 0, task: "beats=1", inRepo: false, follows: false, copies: 1, choice: 0 };

const anAttempt = (number: number, reason: "ended" | "lease_lost") => ({
  ...{ number, reason, pod_name: "box-1", started_at: endedAt, ended_at: endedAt },
});

type Facts = Readonly<{
  job?: Partial<Known["job"]>;
  cancelAsked?: boolean;
  cancelTaken?: Told["cancelTaken"];
  events?: readonly string[];
  ids?: string[];
  followed?: readonly string[];
}>;

/** A job that succeeded at its first attempt; events are written as `type/attempt`. */
function aCase({ job = {}, cancelAsked = false, cancelTaken, events, ids, followed }: Facts = {}): Known {
  const seen = aJob({
    status: "succeeded",
    attempt: 1,
    ended_at: endedAt,
    attempts: [anAttempt(1, "ended")],
    ...job,
  });
  const told: Told = {
    order: anOrder,
    ids: new Set(ids ?? [seen.id]),
    cancelAsked,
    cancelTaken,
    followed: followed && [...followed],
  };
  const log = events ?? ["job.queued/0", "job.claimed/1", "claude.started/1", `job.${seen.status}/1`];
  return { told, job: seen, events: log.map(asEvent) };
}
const asEvent = (text: string, at: number): JobEvent => {
  const [type = "", attempt] = text.split("/");
  return { id: String(at), type: type as JobEvent["type"], at: endedAt, attempt: Number(attempt), data: {} };
};
const aLife = (one: Known, facts: Partial<Life> = {}): Life => ({
  ...{ job: one.job?.id ?? "", fence: 1, id: "1", startedAt: ms(1), lastAt: ms(9), doneAt: ms(9) },
  ...facts,
});
/** The rules that are broken. */
const broken = (one: Known, lives: readonly Life[] = [aLife(one)], tooLate: readonly string[] = []) =>
  Object.entries(judgeHistory([one], lives, new Set(tooLate))).flatMap(([rule, cases]) =>
    cases.length > 0 ? [rule] : [],
  );

/** The checker of histories, which has tests of its own, sees most of it too. */
const other = "other breaks of the history";

test("a job that was claimed, lost, claimed again and has succeeded breaks no rule", () => {
  const events = ["job.queued/0", "job.claimed/1", "lease.lost/1", "job.claimed/2", "job.succeeded/2"];
  const one = aCase({ job: { attempt: 2, attempts: [anAttempt(1, "lease_lost"), anAttempt(2, "ended")] }, events });
  const { doneAt: _, ...cut } = aLife(one, { lastAt: ms(3) });
  expect(broken(one, [cut, aLife(one, { fence: 2, id: "2", startedAt: ms(4) })])).toEqual([]);
});

test("a job that nobody knows, or that never ends, is lost", () => {
  expect(broken({ ...aCase(), job: undefined }, [])).toContain("lost");
  expect(broken(aCase({ job: { status: "running" } }), [])).toContain("lost");
});

test("one key that made two jobs is found", () => {
  expect(broken(aCase({ ids: [aJob().id, aJob().id] }))).toContain(other);
});

test("two ends, and whatever is told behind an end, are found", () => {
  const logs = [
    ["job.queued/0", "job.claimed/1", "job.succeeded/1", "job.succeeded/1"],
    ["job.queued/0", "job.claimed/1", "job.succeeded/1", "usage.updated/1"],
    ["job.queued/0", "job.claimed/1"],
  ];
  for (const events of logs) expect(broken(aCase({ events }))).toContain("terminal state twice");
});

test("a runner that tells of its attempt when a later one has begun is found, and an attempt that was claimed twice", () => {
  const attempts = [anAttempt(1, "lease_lost"), anAttempt(2, "ended")];
  const stale = ["job.queued/0", "job.claimed/1", "job.claimed/2", "usage.updated/1", "job.succeeded/2"];
  expect(broken(aCase({ job: { attempt: 2, attempts }, events: stale }))).toEqual([other]);
  const double = ["job.queued/0", "job.claimed/1", "job.claimed/1", "job.succeeded/1"];
  expect(broken(aCase({ events: double }))).toEqual([other]);
});

test("a process that lives on behind its job's end, or is started there, is found", () => {
  const one = aCase();
  expect(broken(one, [aLife(one, { lastAt: ms(11) })])).toEqual(["alive or started behind the end"]);
});

test("overlapping processes of one job are found, and what Claude has said and nobody has heard", () => {
  const one = aCase();
  expect(broken(one, [aLife(one), aLife(one, { id: "2", startedAt: ms(2), lastAt: ms(3) })])).toContain(
    "overlapping runs",
  );
  expect(broken(one, [aLife(one, { said: 1 })])).toEqual([other]);
});

test("an end needs a reason: work that was done, somebody who cancelled, starts that are used up", () => {
  const unexplained = "an end that nothing explains";
  expect(broken(aCase(), [])).toEqual([unexplained]);
  expect(broken(aCase({ job: { status: "cancelled" } }), [])).toContain(unexplained);
  expect(broken(aCase({ job: { status: "cancelled" }, cancelAsked: true }), [])).toEqual([]);
  expect(broken(aCase({ job: { status: "failed", error_code: "internal" } }), [])).toEqual([unexplained]);
  const attempts = [anAttempt(1, "lease_lost")];
  const used = { status: "failed", error_code: "runner_lost", attempts } as const;
  expect(broken(aCase({ job: { ...used, max_attempts: 1 } }), [])).toEqual([]);
  expect(broken(aCase({ job: { ...used, max_attempts: 2 } }), [])).toEqual([unexplained]);
});

test("who followed a job must have seen all of its log, once", () => {
  const rule = "followed to the end, and not all of it";
  expect(broken(aCase({ followed: ["0", "1", "2", "3"] }))).toEqual([]);
  for (const followed of [[], ["0", "1", "3"], ["0", "1", "1", "2", "3"], ["0", "1", "2"]])
    expect(broken(aCase({ followed }))).toEqual([rule]);
});

test.for(["by the store", "by a server"] as const)("a cancel that was taken %s has to be in the log", (cancelTaken) => {
  const one = aCase({ cancelAsked: true, cancelTaken });
  expect(broken(one)).toEqual([other]);
  // Only who kept it may have brought it too late, and then says so.
  expect(broken(one, [aLife(one)], [one.job?.id ?? ""])).toEqual(cancelTaken === "by the store" ? [other] : []);
  const events = ["job.queued/0", "job.claimed/1", "cancel.requested/1", "job.succeeded/1"];
  expect(broken(aCase({ cancelAsked: true, cancelTaken, events }))).toEqual([]);
});
