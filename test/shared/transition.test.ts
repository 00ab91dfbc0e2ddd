import { expect, test } from "vitest";
import { JobStatus, terminalStatuses } from "../../shared/job.ts";
import { arrows, type Command, isLoss, lossDelayMs, type Standing, transition } from "../../shared/transition.ts";

const commands: readonly Command[] = [
  { type: "claim" },
  { type: "renew" },
  { type: "cancel" },
  { type: "expire" },
  { type: "retry" },
  { type: "finish", status: "succeeded" },
  { type: "finish", status: "failed" },
  { type: "finish", status: "cancelled" },
  { type: "release", reason: "crashed" },
  { type: "release", reason: "lease_lost" },
  { type: "release", reason: "drained" },
  { type: "release", reason: "waiting" },
];
const fresh = { lost: 0, maxAttempts: 3, cancelRequested: false } as const;
const standings: readonly Standing[] = JobStatus.options.flatMap((status) =>
  [0, 1, 2, 9].flatMap((lost) =>
    [true, false].map((cancelRequested) => ({ status, lost, maxAttempts: 3, cancelRequested })),
  ),
);
const nameOf = (command: Command) =>
  "status" in command ? `finish ${command.status}` : "reason" in command ? `release ${command.reason}` : command.type;

test("the whole table: what each state makes of each command", () => {
  const table = JobStatus.options.map((status) => [
    status,
    ...commands.flatMap((command) => {
      const next = transition({ status, ...fresh }, command);
      return next === undefined ? [] : [`${nameOf(command)} -> ${next}`];
    }),
  ]);
  expect(table).toEqual([
    ["queued", "claim -> running", "cancel -> cancelled", "expire -> expired"],
    [
      "running",
      "renew -> running",
      "cancel -> running",
      "finish succeeded -> succeeded",
      "finish failed -> failed",
      "finish cancelled -> cancelled",
      "release crashed -> queued",
      "release lease_lost -> queued",
      "release drained -> queued",
      "release waiting -> queued",
    ],
    ["succeeded", "retry -> queued"],
    ["failed", "retry -> queued"],
    ["cancelled", "retry -> queued"],
    ["expired", "retry -> queued"],
  ]);
});

test("a command that is not an arrow of the state is refused, whatever else is so", () => {
  for (const job of standings)
    for (const command of commands) {
      const allowed = (arrows[job.status] as readonly string[]).includes(command.type);
      expect(transition(job, command) !== undefined).toBe(allowed);
    }
});

test("a terminal state is left by a retry alone", () => {
  for (const status of terminalStatuses)
    for (const command of commands)
      expect(transition({ status, ...fresh }, command)).toBe(command.type === "retry" ? "queued" : undefined);
});

test("starts lost to a crash or a lease are counted, drains and waits are not", () => {
  const after = (reason: "crashed" | "lease_lost" | "drained" | "waiting", lost: number) =>
    transition({ status: "running", lost, maxAttempts: 3, cancelRequested: false }, { type: "release", reason });
  expect([0, 1, 2, 3].map((lost) => after("crashed", lost))).toEqual(["queued", "queued", "failed", "failed"]);
  expect([0, 1, 2, 3].map((lost) => after("lease_lost", lost))).toEqual(["queued", "queued", "failed", "failed"]);
  expect([after("drained", 9), after("waiting", 9)]).toEqual(["queued", "queued"]);
  expect((["crashed", "lease_lost", "drained", "waiting", "ended"] as const).filter(isLoss)).toEqual([
    "crashed",
    "lease_lost",
  ]);
});

test("a job that is given back while a cancel waits is cancelled, also when its starts are used up", () => {
  for (const reason of ["crashed", "lease_lost", "drained", "waiting"] as const)
    for (const lost of [0, 2, 9])
      expect(
        transition({ status: "running", lost, maxAttempts: 3, cancelRequested: true }, { type: "release", reason }),
      ).toBe("cancelled");
});

test("the pause after a loss: none, then 5 s doubling up to 5 min", () => {
  const seconds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000].map((lost) => lossDelayMs(lost) / 1_000);
  expect(seconds).toEqual([0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300]);
});
