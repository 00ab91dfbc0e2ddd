import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { bundledProfiles } from "../../../api/edge/bundled-profiles.ts";
import { loadProfiles } from "../../../runner/profile/load-profiles.ts";

test("what a Worker knows of the bundled profiles is what their files say", async () => {
  const { summaries } = await loadProfiles({ bundled: join(resolve(import.meta.dirname, "../../.."), "profiles") });
  expect(bundledProfiles).toEqual(summaries);
});
