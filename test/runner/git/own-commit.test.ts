import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, never } from "./a-desk.ts";

const byAgent = ["-c", "user.name=Agent", "-c", "user.email=agent@localhost"];

test("a commit of the agent's own that changes a file is kept, and only what it left after it is committed", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const git = gitIn(tree.path);
  writeFileSync(join(tree.path, "src/a.txt"), "committed by the agent\n");
  git(...byAgent, "commit", "-q", "-a", "-m", "the agent's own");
  const own = git("rev-parse", "HEAD");

  expect(await desk.repos.commitLeftovers(tree, "left", never())).toMatchObject({ commit: undefined, files: 0 });
  writeFileSync(join(tree.path, "src/a.txt"), "changed after it\n");
  const left = await desk.repos.commitLeftovers(tree, "left", never());

  expect(left).toMatchObject({ files: 1, warnings: [] });
  expect(git("rev-parse", `${left.commit}~1`)).toBe(own);
  expect(git("show", `${left.commit}:src/a.txt`)).toBe("changed after it");
});
