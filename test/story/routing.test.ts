import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { aWorld } from "../support/a-world.ts";

test("a server with rules and a model routes jobs, and the profile that was chosen is the one that runs", async () => {
  await using world = await aWorld({ AGENTICORE_AI_ROUTING: "true", AGENTICORE_AI_ROUTING_MODEL: "small-model" });
  world.write(".agenticore/profiles/docs/profile.yml", "description: Writes documents\nauto_pr: false\n");
  world.write(".agenticore/profiles/docs/CLAUDE.md", "WORDS-OF-DOCS");
  const rule = "{profile: review, task: '^audit', reason: Audits only read.}";
  writeFileSync(join(world.home, ".agenticore/config.yml"), `router:\n  rules:\n    - ${rule}\n`);
  await world.serve({ direct: true });

  const byRule = await world.submit({ task: "Audit it. [[scenario:text]]" });
  expect(byRule).toMatchObject({ profile: "review", routed_by: "rule", route_reason: "Audits only read." });

  const task = "Say more. [[scenario:choose profile=docs]]";
  const chosen = await world.ended((await world.submit({ task })).id);
  expect(chosen).toMatchObject({ status: "succeeded", profile: "docs", routed_by: "ai", route_reason: "It suits." });
  const [routing, ...working] = world.model.requests().filter(({ lastUserText }) => lastUserText.includes("Say more"));
  expect(routing).toMatchObject({ model: "small-model", tools: ["choose_profile"] });
  expect(working.map(({ system, userTexts }) => [system, ...userTexts].join("\n")).join("\n")).toContain(
    "WORDS-OF-DOCS",
  );

  const undecided = await world.submit({ task: "Hm. [[scenario:choose]]" });
  expect(undecided).toMatchObject({ profile: "code", routed_by: "default" });
  expect(String(undecided["route_reason"])).toContain("did not decide: its answer names no profile");
});
