import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

const otherKey = "another-made-up-key";
let world: World;
beforeAll(async () => {
  world = await aWorld({
    AGENTICORE_API_KEY: "a-made-up-key",
    AGENTICORE_API_KEYS: `a-made-up-key,${otherKey}`,
    AGENTICORE_ALLOWED_REPOS: "/tmp/**",
  });
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const heard = (job: SeenJob) =>
  world.model.requests().findLast(({ session }) => session === job["session_id"])?.userTexts;

describe.concurrent("a conversation outlives its job", () => {
  test("W-61: a second job with the session of the first goes on: the model has what was said before, the work is on a branch of its own", async () => {
    await using repo = await sampleRepo();
    const work = { repo_url: repo.path };
    const first = await world.submit({ ...work, task: "Remember blue. [[scenario:write-commit file=one.txt]]" });
    const { session_id } = await world.ended(first.id);
    const second = await world.submit({
      ...work,
      session_id,
      task: "What colour? [[scenario:write-commit file=two.txt]]",
    });
    const done = await world.ended(second.id);

    expect(done).toMatchObject({ status: "succeeded", session_id });
    expect(heard(done)).toEqual([
      "Remember blue. [[scenario:write-commit file=one.txt]]",
      "What colour? [[scenario:write-commit file=two.txt]]",
    ]);
    const started = (await world.events(second.id)).find(({ type }) => type === "claude.started");
    expect(started).toMatchObject({ data: { resumed: true, session_id } });
    expect(gitIn(repo.path)("diff", "--name-only", "main", String(done["branch"]))).toBe("two.txt");
  });

  test("a session of another API key, of another repository, and one that nobody has are refused in the same words", async () => {
    await using repo = await sampleRepo();
    await using other = await sampleRepo();
    const first = await world.submit({ repo_url: repo.path, task: "Hello. [[scenario:text]]" });
    const { session_id } = await world.ended(first.id);
    const request = { task: "Go on. [[scenario:text]]", repo_url: repo.path, session_id };
    const unknown = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
    const stranger = world.as({ authorization: `Bearer ${otherKey}` });

    const answers = [
      await stranger("POST", "/jobs", request),
      await world.call("POST", "/jobs", { ...request, repo_url: other.path }),
      await world.call("POST", "/jobs", { task: request.task, session_id }),
      await world.call("POST", "/jobs", { ...request, session_id: unknown }),
    ];

    for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { success: false } });
    const said = answers.map(({ body }) => String(body["detail"]).replace(unknown, String(session_id)));
    expect(new Set(said).size).toBe(1);
    expect((await stranger("GET", `/jobs/${first.id}`)).status).toBe(404);
    expect((await stranger("GET", "/jobs")).body).toMatchObject({ count: 0 });
  });

  test("two jobs on one session never run at once: the second one waits in the queue", async () => {
    const first = await world.submit({ task: "Work. [[scenario:slow]]" });
    const running = await world.until(first.id, (job) => job["phase"] === "running");
    const { session_id } = running;
    const second = await world.submit({ task: "And then. [[scenario:text say=then]]", session_id });
    const beats = join(String(running["worktree_path"]), "heartbeat.txt");
    await eventually(() => existsSync(beats) && readFileSync(beats, "utf8").includes("beat 8"));
    expect(await world.job(second.id)).toMatchObject({ status: "queued", attempt: 0 });

    writeFileSync(join(String(running["worktree_path"]), "released"), "");
    const [one, two] = [await world.ended(first.id), await world.ended(second.id)];

    expect([one["status"], two["status"]]).toEqual(["succeeded", "succeeded"]);
    expect(Date.parse(String(two["started_at"]))).toBeGreaterThanOrEqual(Date.parse(String(one["ended_at"])));
  });

  test("a failed job that is tried again goes on in its session and worktree, and the task is said once", async () => {
    await using repo = await sampleRepo();
    const task = "Go. [[scenario:invalid at=1 until=mended then=leave-uncommitted file=kept.txt content=kept]]";
    const { id } = await world.submit({ task, repo_url: repo.path });
    const failed = await world.ended(id);
    expect(failed).toMatchObject({ status: "failed", error_code: "claude_failed" });
    expect(readFileSync(join(String(failed["worktree_path"]), "kept.txt"), "utf8")).toBe("kept\n");
    world.model.release("mended");

    const again = await world.call("POST", `/jobs/${id}/retry`);
    expect(again).toMatchObject({ status: 200, body: { job: { status: "queued" } } });
    const done = await world.ended(id);

    expect(done).toMatchObject({
      status: "succeeded",
      attempt: 2,
      session_id: failed["session_id"],
      worktree_path: failed["worktree_path"],
    });
    for (const absent of ["error", "error_code", "remedy"]) expect(done[absent]).toBeUndefined();
    expect(heard(done)?.filter((text) => text.includes("[[scenario:"))).toHaveLength(1);
    expect(Number(done["cost_usd"])).toBeGreaterThan(Number(failed["cost_usd"]));
    expect(gitIn(repo.path)("show", `${done["branch"]}:kept.txt`)).toBe("kept");
  });

  test("a job that has not ended cannot be tried again", async () => {
    const { id } = await world.submit({ task: "Wait.", pool: "nobody" });
    expect(await world.call("POST", `/jobs/${id}/retry`)).toMatchObject({ status: 409, body: { success: false } });
    await world.call("DELETE", `/jobs/${id}`);
  });
});
