import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { profileQueue } from "../../api/profile-queue.ts";
import type { ProfileSummary } from "../../shared/profile.ts";
import type { RunnerRecord } from "../../shared/store.ts";
import { aClaim, aRunner } from "../support/a-job.ts";
import { anApi } from "../support/an-api.ts";

const docs: ProfileSummary = { name: "docs", description: "", source: "user" };
const code: ProfileSummary = { name: "code", description: "", source: "bundled" };
const runner = (profiles: readonly ProfileSummary[], more: Partial<RunnerRecord> = {}): RunnerRecord =>
  aRunner({ id: `box/${randomUUID()}`, profiles: [code, ...profiles], ...more });
const where = (runners: readonly RunnerRecord[], profile = "docs") =>
  profileQueue({ profile, pool: "default" }, runners);

test.each<[what: string, runners: readonly RunnerRecord[], queue: string | undefined]>([
  ["some have it", [runner([docs]), runner([])], "default@@profile-docs"],
  ["it is broken on some", [runner([docs]), runner([{ ...docs, error: "broken" }])], "default@@profile-docs"],
  ["all have it", [runner([docs]), runner([docs])], undefined],
  ["nobody has it", [runner([]), runner([])], undefined],
  ["nobody is there", [], undefined],
  ["who lacks it is draining", [runner([docs]), runner([], { draining: true })], undefined],
  ["who lacks it serves other pools", [runner([docs]), runner([], { pools: ["big"] })], undefined],
  ["who has it serves other pools", [runner([docs], { pools: ["big"] }), runner([])], undefined],
  ["it comes with the program of some", [runner([{ ...docs, source: "bundled" }]), runner([])], undefined],
])("where a job waits when %s", (_what, runners, queue) => {
  expect(where(runners)).toBe(queue);
});

test("a job whose profile one runner has is not given to another, and its pool is what people see", async () => {
  await using api = await anApi();
  await api.store.announce(runner([docs]));
  await api.store.announce(runner([]));
  const id = await api.submit({ profile: "docs" });

  expect(await api.store.claim(aClaim({ pools: ["default"] }))).toBeUndefined();
  const claim = await api.store.claim(aClaim({ pools: ["default", "default@@profile-docs"] }));

  expect(claim?.job).toMatchObject({ id, pool: "default", profile: "docs" });
});
