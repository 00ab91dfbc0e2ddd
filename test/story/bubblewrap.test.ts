import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld();
  const profile = (name: string, content: string) =>
    world.write(`.agenticore/profiles/${name}/profile.yml`, `extends: code\n${content}\n`);
  profile("boxed", "sandbox: bubblewrap\nsetup: { command: 'touch made; ! touch /var/tmp/$AGENTICORE_JOB_ID' }");
  profile("offline", "sandbox: bubblewrap\nnetwork: off");
  profile("careless", "network: off");
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const printed = async ({ id }: SeenJob, at: World = world): Promise<string> =>
  String((await at.events(id)).find(({ type }) => type === "tool.ended")?.data["output"]);
const run = async (profile: string, scenario: string, at: World = world) => {
  await using repo = await sampleRepo();
  const job = await at.ended(
    (await at.submit({ task: `Go. [[scenario:${scenario}]]`, repo_url: repo.path, profile })).id,
  );
  const branch = job["branch"] && job["commit"] ? String(job["branch"]) : undefined;
  return { job, files: branch === undefined ? "" : gitIn(repo.path)("ls-tree", "--name-only", branch) };
};
/** A command that says of each place whether it can be written to. */
const tries = (...places: readonly string[]) =>
  places.map((place) => `(touch ${place}/x 2>/dev/null && echo yes ${place} || echo no ${place})`).join("; ");

describe.concurrent.for(["auto", "none"])("in bubblewrap, where the runner's own namespaces are `%s`,", (own) => {
  let at: World;
  beforeAll(async () => {
    at = await aWorld({ AGENTICORE_SANDBOX: own });
    at.write(".agenticore/profiles/boxed/profile.yml", "extends: code\nsandbox: bubblewrap\n");
    await at.serve({ direct: true });
  });
  afterAll(() => at[Symbol.asyncDispose]());

  test("Claude writes, commits and ends well, and all but worktree, configuration, repository cache and temporary folder is read-only", async () => {
    const { job, files } = await run("boxed", "write-commit file=made.txt", at);
    expect(job).toMatchObject({ status: "succeeded", diff: { files: 1 }, attempt: 1 });
    expect(files).toContain("made.txt");

    const places = ["$PWD", "$TMPDIR", "/tmp", "$CLAUDE_CONFIG_DIR", "$(git rev-parse --git-dir)", "$HOME"];
    const sealed = ["/usr", "/run", "/var/tmp", import.meta.dirname, `${at.home}/.agenticore`];
    const looked = await run("boxed", `run command="${tries(...places, ...sealed)}; ls ${at.home}/.agenticore"`, at);
    const output = await printed(looked.job, at);
    expect(output.match(/^yes/gm)).toHaveLength(places.length);
    expect(output.match(/^no/gm)).toHaveLength(sealed.length);
    expect(output).not.toMatch(/agenticore\.db|lock$/m);
    expect(existsSync(join(at.home, "x"))).toBe(false); // the home of this test lies in /tmp, which is the job's own
  });

  test("nothing of it outlives a cancel", async () => {
    const { id } = await at.submit({ task: "Go. [[scenario:detached-child]]", profile: "boxed" });
    await at.model.waitFor(({ scenario }) => scenario === "detached-child");
    await at.until(id, ({ phase }) => phase === "running");
    await at.call("POST", `/jobs/${id}/cancel`);
    expect(await at.ended(id, 20_000)).toMatchObject({ status: "cancelled" });
    const own = at.jobProcesses().filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(id);
      } catch {
        return false;
      }
    });
    expect(own).toEqual([]);
  });
});

describe.concurrent("a profile", () => {
  test("with `network: off` reaches the model through the broker, and nothing else, not even a server on the same machine", async () => {
    const asked: string[] = [];
    const server = createServer((request, out) => {
      asked.push(request.url ?? "");
      out.end("seen");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const reach = `exec 3<>/dev/tcp/127.0.0.1/${port} && echo reached || echo nothing; cat /proc/net/dev | tail -n +3 | wc -l`;
    const { job } = await run("offline", `run command="${reach}"`);
    await new Promise((resolve) => server.close(resolve));
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    const output = await printed(job);
    expect(output).toContain("nothing");
    expect(output.trim().split("\n").at(-1)).toBe("1");
    expect(asked).toEqual([]);
    expect(Number(job["cost_usd"])).toBeGreaterThan(0);
    expect((await world.events(job.id)).map(({ type }) => type)).toContain("usage.updated");
  });

  test("with `network: off` is refused without a box, and without the broker, before the model is asked", async () => {
    const careless = await run("careless", "text");
    expect(careless.job).toMatchObject({ status: "failed", error_code: "setup_failed" });
    expect(careless.job["error"]).toContain("sandbox: bubblewrap");
    await using bare = await aWorld({ AGENTICORE_KEY_BROKER: "false" });
    bare.write(".agenticore/profiles/offline/profile.yml", "extends: code\nsandbox: bubblewrap\nnetwork: off\n");
    await bare.serve({ direct: true });
    const { job } = await run("offline", "text", bare);
    expect(job).toMatchObject({ status: "failed", error_code: "setup_failed" });
    expect(job["error"]).toContain("key broker");
    expect(bare.model.requests()).toEqual([]);
  });

  test("has its set-up in the box too", async () => {
    const { job } = await run("boxed", "run command=ls");
    expect(job).toMatchObject({ status: "succeeded" });
    expect(await printed(job)).toContain("made");
    expect(existsSync(join("/var/tmp", job.id))).toBe(false);
  });
});
