import { join } from "node:path";
import { expect, test } from "vitest";
import { AppError } from "../../../shared/error.ts";
import { gitServer } from "../../support/git-server.ts";
import { aDesk, aJob, never } from "./a-desk.ts";
import { hostedDesk, login, work } from "./a-hosted-desk.ts";

test("a login that was refused is asked for once more, and why there is none is told where one is needed", async () => {
  const asked: string[] = [];
  const another = async () => {
    asked.push("another");
    return login;
  };
  await using world = await hostedDesk({ credentials: async () => ({ ...login, password: "over", another }) });
  const { desk, server } = world;
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  expect(await desk.repos.push(tree, { commit: await work(desk, tree) }, never())).toMatchObject({ how: "new" });
  expect(asked.length).toBeGreaterThan(1);

  const none = () => Promise.reject(new AppError("auth_failed", "The App has no key."));
  await using keyless = await aDesk({ credentials: none });
  const refused = keyless.repos.prepare(aJob(server.url("src.git")), never());
  await expect(refused).rejects.toMatchObject({ code: "auth_failed", message: "The App has no key." });
  await using open = await gitServer({ root: join(desk.path, "served") });
  expect(await keyless.repos.prepare(aJob(open.url("src.git")), never())).toMatchObject({ baseRef: "main" });
});
