import { join } from "node:path";
import { expect, test } from "vitest";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

test("a profile that one of two runners has is listed everywhere, and its jobs are done by that one", async () => {
  await using world = await aWorld();
  world.write("hooks/profiles/docs/profile.yml", "description: Writes documents\nauto_pr: false\n");
  world.write("hooks/profiles/docs/CLAUDE.md", "WORDS-OF-DOCS");
  await world.serve({ direct: true, args: ["--no-runner"] });
  expect((await world.call("POST", "/jobs", { task: "Early.", profile: "docs" })).status).toBe(422);
  await world.runner({ AGENTICORE_POD_NAME: "lacks" });
  await world.runner({ AGENTICORE_POD_NAME: "has", AGENTICORE_AGENTIHOOKS_PATH: join(world.home, "hooks") });
  await eventually(async () => (await world.call("GET", "/runners")).body["count"] === 2, {
    what: "both are announced",
  });
  expect((await world.call("GET", "/profiles/docs")).body["profile"]).toMatchObject({ source: "agentihooks" });

  const jobs = await Promise.all(
    Array.from({ length: 3 }, (_, index) =>
      world.submit({ task: `Write ${index}. [[scenario:text]]`, profile: "docs" }),
    ),
  );

  for (const { id } of jobs)
    expect(await world.ended(id)).toMatchObject({ status: "succeeded", pod_name: "has", pool: "default", attempt: 1 });
});
