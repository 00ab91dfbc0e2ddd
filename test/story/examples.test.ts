import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { blocksOf, commandsOf, curl, runModule } from "../support/documented.ts";

test.concurrent("the example of the typed client does what its page says: submits, follows to the end, reads, and tells errors", async () => {
  const [example = "", ...others] = blocksOf("docs/reference/client.md", "js");
  expect(others).toEqual([]);
  await using world = await aWorld({
    AGENTICORE_API_KEYS: "a-key-of-the-test",
    AGENTICORE_API_KEY: "a-key-of-the-test",
  });
  const { url } = await world.serve({ direct: true });

  const ran = await runModule(example, { url, env: { AGENTICORE_API_KEY: "a-key-of-the-test" } });

  expect(ran).toMatchObject({ code: 0, stderr: "" });
  const lines = ran.stdout.trim().split("\n");
  expect(lines[0]).toMatch(/^job\.queued/);
  expect(ran.stdout).toMatch(/^job\.succeeded/m);
  expect(ran.stdout).toMatch(/^succeeded undefined /m);
  expect(ran.stdout).toMatch(/^profile_not_found There is no profile named no-such-profile; there are: /m);
});

test.concurrent("the requests of the reference of REST are answered as it says", async () => {
  const lines = blocksOf("docs/reference/rest.md", "sh").flatMap(commandsOf);
  expect(lines.length).toBeGreaterThan(4);
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const { url } = await world.serve({ direct: true });
  let id = "";

  for (const line of lines) {
    const command = line.replaceAll("https://github.com/octo/repo", repo.path).replaceAll("ID", id);
    const answer = await curl(command, url);
    expect(answer.status, `${line}: ${answer.text}`).toBeLessThan(300);
    if (answer.type.startsWith("application/json")) id ||= JSON.parse(answer.text).job.id;
    else expect(answer.text).toMatch(/^event: job\.succeeded$/m);
  }
  expect((await world.job(id)).status).toBe("succeeded");
});
