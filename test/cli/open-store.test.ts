import { expect, test } from "vitest";
import { openStore } from "../../cli/open-store.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";

test("the store that is opened keeps to the limits of the configuration", async () => {
  const { context } = aCli({ env: { AGENTICORE_POOL_LIMITS: "big=1", AGENTICORE_REPO_LIMIT: "1" } });
  const { config } = await loadConfig(context);
  await using store = await openStore(config, context);
  const big = { job: { pool: "big" } };
  const repo = { repoKey: "https://h/r" };
  for (const facts of [big, big, repo, repo]) await store.submit(aNewJob(facts));

  const claims = [];
  for (let n = 0; n < 4; n += 1) claims.push((await store.claim(aClaim({ pools: ["big", "default"] })))?.job.pool);
  expect(claims).toEqual(["big", "default", undefined, undefined]);
});
