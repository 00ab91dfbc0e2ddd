import { expect, test } from "vitest";
import type { JobEvent } from "../../shared/event.ts";
import { aJob } from "../support/a-job.ts";
import type { Told } from "./clients.ts";
import { judgeHistory, type Known } from "./judge.ts";
import type { Life } from "./life-log.ts";
import type { Order } from "./orders.ts";

const endedAt = "2026-03-01T12:00:10.000Z";
const ms = (seconds: number) => Date.parse("2026-03-01T12:00:00.000Z") + seconds * 1000;
const anOrder: Order = { key: "key-1", atMs: 0, task: "beats=1", inRepo: false, copies: 1, choice: 0 };

type Facts = Readonly<{
  job?: Partial<Known["job"]>;
  cancelAsked?: boolean;
  events?: readonly string[];
  ids?: string[];
}>;

/** A job that succeeded at its first attempt; events are written as `type/attempt`. */
function aCase({ job = {}, cancelAsked = false, events, ids }: Facts = {}): Known {
  const seen = aJob({
    status: "succeeded",
    attempt: 1,
    ended_at: endedAt,
    attempts: [{ number: 1, pod_name: "box-1", started_at: endedAt, ended_at: endedAt, reason: "ended" }],
    ...job,
  });
  const told: Told = { order: anOrder, ids: new Set(ids ?? [seen.id]), cancelAsked };
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
const broken = (one: Known, lives: readonly Life[] = [aLife(one)]) =>
  Object.entries(judgeHistory([one], lives)).flatMap(([rule, cases]) => (cases.length > 0 ? [rule] : []));

test("a job that was claimed, lost, claimed again and has succeeded breaks no rule", () => {
  const events = ["job.queued/0", "job.claimed/1", "lease.lost/1", "job.queued/1", "job.claimed/2", "job.succeeded/2"];
  const one = aCase({ job: { attempt: 2 }, events });
  const { doneAt: _, ...cut } = aLife(one, { lastAt: ms(3) });
  expect(broken(one, [cut, aLife(one, { fence: 2, id: "2", startedAt: ms(4) })])).toEqual([]);
});

test("a job that nobody knows, or that never ends, is lost", () => {
  expect(broken({ ...aCase(), job: undefined }, [])).toEqual(["lost"]);
  expect(broken(aCase({ job: { status: "running" } }), [])).toEqual(["lost"]);
});

test("one key that made two jobs is found", () => {
  expect(broken(aCase({ ids: ["one", "two"] }))).toEqual(["two jobs for one key"]);
});

test("two ends, and whatever is told behind an end, are found", () => {
  const twice = ["job.queued/0", "job.claimed/1", "job.succeeded/1", "job.succeeded/1"];
  expect(broken(aCase({ events: twice }))).toEqual(["terminal state twice"]);
  const late = ["job.queued/0", "job.claimed/1", "job.succeeded/1", "claude.said/1"];
  expect(broken(aCase({ events: late }))).toEqual(["terminal state twice"]);
  expect(broken(aCase({ events: ["job.queued/0", "job.claimed/1"] }))).toEqual(["terminal state twice"]);
});

test("a runner that tells of its attempt when a later one has begun is found, and an attempt that was claimed twice", () => {
  const stale = ["job.queued/0", "job.claimed/1", "job.claimed/2", "claude.said/1", "job.succeeded/2"];
  expect(broken(aCase({ events: stale }))).toEqual(["events of an earlier attempt behind a later one"]);
  const double = ["job.queued/0", "job.claimed/1", "job.claimed/1", "job.succeeded/1"];
  expect(broken(aCase({ events: double }))).toEqual(["events of an earlier attempt behind a later one"]);
});

test("a process that lives on behind its job's end, or is started there, is found", () => {
  const one = aCase();
  expect(broken(one, [aLife(one, { lastAt: ms(11) })])).toEqual(["alive or started behind the end"]);
});

test("overlapping processes and a second start under one fence are found", () => {
  const one = aCase();
  expect(broken(one, [aLife(one), aLife(one, { id: "2", startedAt: ms(2), lastAt: ms(3) })])).toEqual([
    "overlapping runs",
    "started twice under one fence",
  ]);
});

test("an end needs a reason: work that was done, somebody who cancelled, starts that are used up", () => {
  const unexplained = ["an end that nothing explains"];
  expect(broken(aCase(), [])).toEqual(unexplained);
  expect(broken(aCase({ job: { status: "cancelled" } }), [])).toEqual(unexplained);
  expect(broken(aCase({ job: { status: "cancelled" }, cancelAsked: true }), [])).toEqual([]);
  expect(broken(aCase({ job: { status: "failed", error_code: "internal" } }), [])).toEqual(unexplained);
  const lost = { number: 1, pod_name: "box-1", started_at: endedAt, ended_at: endedAt, reason: "lease_lost" } as const;
  const used = { status: "failed", error_code: "runner_lost", max_attempts: 2 } as const;
  expect(broken(aCase({ job: { ...used, attempts: [lost, lost] } }), [])).toEqual([]);
  expect(broken(aCase({ job: { ...used, attempts: [lost] } }), [])).toEqual(unexplained);
});
