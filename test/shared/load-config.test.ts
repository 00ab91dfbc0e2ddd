import { expect, test } from "vitest";
import { loadConfig } from "../../shared/load-config.node.ts";

test("a folder is the same with a slash at its end, so that what lies in it is seen to", async () => {
  const env = { AGENTICORE_SHARED_FS_ROOT: "/shared/", AGENTICORE_DATA_DIR: "data/", AGENTICORE_JOBS_DIR: "~/jobs/" };
  const { config } = await loadConfig({ env, home: "/home/ada", hostName: "box", cwd: "/srv" });
  expect(config).toMatchObject({
    ...{ sharedFsRoot: "/shared", reposRoot: "/shared/repos", dataDir: "/srv/data", jobsDir: "/home/ada/jobs" },
  });
});
