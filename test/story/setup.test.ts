import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SampleRepo, sampleRepo } from "../support/a-repo.ts";
import type { Served } from "../support/a-server.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

const realKey = "made-up-key-that-no-set-up-may-see";

let world: World;
let server: Served;
let trusted: SampleRepo;
beforeAll(async () => {
  trusted = await sampleRepo();
  world = await aWorld({ ANTHROPIC_API_KEY: realKey, AGENTICORE_TRUSTED_REPOS: trusted.path, SOME_SECRET: "made-up" });
  const profile = (name: string, setup: object) =>
    world.write(`.agenticore/profiles/${name}/profile.yml`, JSON.stringify({ extends: "code", ...setup }));
  const vendor = { outputs: ["vendor"], cache_key: ["lock"] };
  profile("vendored", { setup: { ...vendor, command: "mkdir vendor; date +%N > vendor/made; env > vendor/env" } });
  profile("failing", { setup: { command: "echo said first; echo it went wrong >&2; exit 3" } });
  profile("endless", { setup: { command: "setsid sleep 600 & sleep 600", timeout: 1 } });
  profile("waiting", { setup: { command: "sleep 600" } });
  server = await world.serve({ direct: true });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await trusted[Symbol.asyncDispose]();
});

const run = async (repo: SampleRepo, profile: string, command: string): Promise<SeenJob> => {
  const task = `Go. [[scenario:run command="${command}"]]`;
  return await world.ended((await world.submit({ task, repo_url: repo.path, profile })).id);
};
const printed = async ({ id }: SeenJob): Promise<string> =>
  String((await world.events(id)).find(({ type }) => type === "tool.ended")?.data["output"]);
const asked = (job: SeenJob) => world.model.requests().filter(({ session }) => session === job["session_id"]);
const commit = (repo: SampleRepo, files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) writeFileSync(join(repo.path, path), text);
  gitIn(repo.path)("add", ".");
  gitIn(repo.path)("commit", "-q", "-m", "more");
};

describe.concurrent("before Claude", () => {
  test("the set-up makes its folders without the model's key, they are kept for as long as the named files are the same, and none of it is committed", async () => {
    await using repo = await sampleRepo();
    commit(repo, { lock: "1\n" });
    const look =
      "cat vendor/made vendor/env; git add -A; git status --short; echo changed > vendor/made; echo w > w.txt";
    const first = await run(repo, "vendored", look);
    const second = await run(repo, "vendored", look);
    commit(repo, { lock: "2\n" });
    const third = await run(repo, "vendored", look);

    const outputs = await Promise.all([first, second, third].map(printed));
    const made = outputs.map((output) => output.split("\n")[0]);
    expect(made[0]).toMatch(/^\d+$/);
    expect(made[1]).toBe(made[0]); // kept, and not what the first job has made of it
    expect(made[2]).not.toBe(made[0]);
    expect(outputs[0]).toContain("AGENTICORE_JOB_ID=");
    expect(outputs[0]).not.toMatch(/ANTHROPIC|redacted|made-up|CLAUDE/);
    for (const job of [first, second, third]) {
      expect(job).toMatchObject({ status: "succeeded", diff: { files: 1 } });
      expect(gitIn(repo.path)("diff", "--name-only", "main~", String(job["branch"])).split("\n")).not.toContain(
        "vendor/made",
      );
    }
    expect(server.stderr()).toContain("set-up done");
  });

  test("a set-up that fails ends the job as setup_failed with what it said, and the model was not asked", async () => {
    await using repo = await sampleRepo();
    const job = await run(repo, "failing", "true");
    expect(job).toMatchObject({ status: "failed", error_code: "setup_failed", attempt: 1 });
    expect(job["error"]).toBe("The set-up command ended with exit code 3:\nsaid first\nit went wrong");
    expect(job["remedy"]).toContain("Nothing was spent");
    expect(asked(job)).toEqual([]);
    expect(job["cost_usd"] ?? 0).toBe(0);
  });

  test("a set-up that takes too long is ended with all that it started", async () => {
    await using repo = await sampleRepo();
    const job = await run(repo, "endless", "true");
    expect(job).toMatchObject({ status: "failed", error_code: "setup_failed" });
    expect(job["error"]).toContain("did not end within 1 seconds");
    const path = String(job["worktree_path"]);
    const inTree = () =>
      world.jobProcesses().filter((pid) => readFileSync(`/proc/${pid}/environ`, "utf8").includes(job.id));
    expect(path).not.toBe("");
    expect(inTree()).toEqual([]);
  });

  test("a job is cancelled in mid-set-up within seconds", async () => {
    await using repo = await sampleRepo();
    const { id } = await world.submit({ task: "Go.", repo_url: repo.path, profile: "waiting" });
    const own = () =>
      world.jobProcesses().filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, "utf8").includes(id);
        } catch {
          return false;
        }
      });
    await eventually(() => own().length > 0);
    await world.call("POST", `/jobs/${id}/cancel`);
    expect(await world.ended(id, 10_000)).toMatchObject({ status: "cancelled" });
    expect(own()).toEqual([]);
  });

  test("the set-up of a repository's .agenticore.yml runs where the repository is trusted, and nowhere else", async () => {
    await using stranger = await sampleRepo();
    for (const repo of [trusted, stranger]) commit(repo, { ".agenticore.yml": "setup: { command: touch by-setup }\n" });
    const [yes, no] = await Promise.all([trusted, stranger].map((repo) => run(repo, "code", "ls")));
    expect(await printed(yes as SeenJob)).toContain("by-setup");
    expect(await printed(no as SeenJob)).not.toContain("by-setup");
    expect(no?.["warnings"]).toEqual([expect.stringContaining("AGENTICORE_TRUSTED_REPOS does not name")]);
    commit(trusted, { ".agenticore.yml": "setup: { comand: ls }\n" });
    const wrong = await run(trusted, "code", "ls");
    expect(wrong).toMatchObject({ status: "failed", error_code: "setup_failed" });
    expect(wrong["error"]).toContain("setup");
    expect(asked(wrong)).toEqual([]);
  });
});

describe.concurrent(".worktreeinclude of a person's own folder", () => {
  const lend = (repo: SampleRepo) => {
    commit(repo, { ".worktreeinclude": "local.conf\nconfig/*.secret\nlink\noutside/*\n", ".gitignore": ".ssh\n" });
    const put = (path: string, text: string) => writeFileSync(join(repo.path, path), text);
    mkdirSync(join(repo.path, "config"));
    put("local.conf", "mine\n# and nobody else's\n");
    put("config/a.secret", "mine too\n");
    put("config/other", "not named\n");
    symlinkSync("/etc/hostname", join(repo.path, "link"));
    symlinkSync("/etc", join(repo.path, "outside"));
  };

  test("brings the named files into the worktree, follows no link, and none of them is committed", async () => {
    await using repo = await sampleRepo();
    lend(repo);
    const look = "cat local.conf; find . -path ./.git -prune -o -print; git add -A; echo w > w.txt";
    const job = await run(repo, "code", look);
    expect(job).toMatchObject({ status: "succeeded", diff: { files: 1 } });
    const output = await printed(job);
    expect(output).toMatch(/^mine\n/);
    expect(output).toContain("./config/a.secret");
    expect(output).not.toMatch(/other|\.\/link|outside\/./);
    expect(job["warnings"]).toEqual([expect.stringContaining("link, which is a link")]);
    expect(gitIn(repo.path)("diff", "--name-only", "main", String(job["branch"]))).toBe("w.txt");
  });

  test("a copy of one of them, or the file moved, is left out of what is committed, and the job says so", async () => {
    await using repo = await sampleRepo();
    lend(repo);
    const copy =
      "cp local.conf copied.txt; mv config/a.secret moved.txt; cp README.md same.md; cat local.conf README.md > mixed.md";
    const job = await run(repo, "code", copy);
    expect(job).toMatchObject({ status: "succeeded" });
    const changed = gitIn(repo.path)("diff", "--name-only", "main", String(job["branch"])).split("\n");
    expect(changed).toEqual(["mixed.md", "same.md"]);
    expect(job["warnings"]).toContainEqual(expect.stringMatching(/2 files were left out.*copied\.txt, moved\.txt/));
  });

  test("a job that commits a copy of one under another name pushes nothing, also where a later commit takes it away", async () => {
    await using repo = await sampleRepo();
    lend(repo);
    const commits =
      "cp local.conf other.txt; git add other.txt; git commit -qm one; git rm -q other.txt; git commit -qm two";
    const job = await run(repo, "code", commits);
    expect(job).toMatchObject({ status: "failed", error_code: "push_rejected" });
    expect(job["error"]).toContain("other.txt");
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
  });

  test("a job that commits one of them all the same pushes nothing", async () => {
    await using repo = await sampleRepo();
    lend(repo);
    const job = await run(
      repo,
      "code",
      "git add -f local.conf; git commit -qm all; git rm -q local.conf; git commit -qm none",
    );
    expect(job).toMatchObject({ status: "failed", error_code: "push_rejected" });
    expect(job["error"]).toContain("local.conf");
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
  });
});

test("a set-up that was cut off begins anew as in a fresh tree, and what it made is kept; one that was done is not done again, though the agent has changed its files since", async () => {
  await using own = await aWorld();
  await using repo = await sampleRepo();
  commit(repo, { lock: "1\n" });
  const command = "mkdir vendor && date +%N > vendor/made && while [ ! -e go ]; do sleep 0.1; done";
  const setup = { outputs: ["vendor"], cache_key: ["lock"], command };
  own.write(".agenticore/profiles/once/profile.yml", JSON.stringify({ extends: "code", setup }));
  const task = (more: string) => `Go. [[scenario:commands 1="echo 2 > lock" 2="cat vendor/made"]] ${more}`;
  const cut = await own.serve({ direct: true });
  const { id } = await own.submit({ task: task("[[hold:changed@1]]"), repo_url: repo.path, profile: "once" });
  const tree = join(own.home, ".agenticore/worktrees", id);
  const vendored = () => contentOf(join(tree, "vendor/made")) || undefined;
  const half = await eventually(vendored, { what: "the set-up is in the middle" });
  await cut.kill();
  await eventually(() => own.jobProcesses().length === 0);

  const killed = await own.serve({ direct: true });
  const made = await eventually(() => (vendored() === half ? undefined : vendored()), { what: "it begins anew" });
  writeFileSync(join(tree, "go"), "");
  await own.model.waitFor(({ step }) => step === 1);
  await killed.kill();
  await eventually(() => own.jobProcesses().length === 0);
  rmSync(join(tree, "go")); // it would wait for ever
  own.model.release("changed");

  const last = await own.serve({ direct: true });
  expect(await own.ended(id, 120_000)).toMatchObject({ status: "succeeded", attempt: 3 });
  const next = await own.submit({ task: task(""), repo_url: repo.path, profile: "once" });
  expect(await own.ended(next.id, 120_000)).toMatchObject({ status: "succeeded", attempt: 1, diff: { files: 1 } });
  for (const job of [id, next.id]) {
    const outputs = (await own.events(job))
      .filter(({ type }) => type === "tool.ended")
      .map(({ data }) => data["output"]);
    expect(String(outputs.at(-1)).trim()).toBe(made.trim());
  }
  expect(last.stderr()).toContain('"seeded":true');
});

test("the next job in a prepared worktree finds what the one before has set up, and another set-up begins anew", async () => {
  await using repo = await sampleRepo();
  const setup = (text: string) => ({ outputs: ["vendor"], command: `mkdir vendor && echo ${text} >> vendor/made` });
  for (const text of ["one", "two"]) {
    const profile = JSON.stringify({ extends: "code", setup: setup(text) });
    world.write(`.agenticore/profiles/prepared-${text}/profile.yml`, profile);
  }
  const { body } = await world.call("POST", "/worktrees", { repo_url: repo.path });
  const { id: worktree_id } = await world.ended((body["job"] as SeenJob).id);
  const look = async (profile: string, file: string): Promise<string> => {
    const task = `Go. [[scenario:run command="cat vendor/made; touch ${file}"]]`;
    const job = await world.ended((await world.submit({ task, worktree_id, profile })).id);
    expect(job).toMatchObject({ status: "succeeded" });
    return (await printed(job)).trim();
  };
  expect(await look("prepared-one", "a")).toBe("one");
  expect(await look("prepared-one", "b")).toBe("one");
  expect(await look("prepared-two", "c")).toBe("two");
  const branch = gitIn(repo.path)("branch", "--list", "agenticore-*", "--format=%(refname:short)");
  expect(gitIn(repo.path)("diff", "--name-only", "main", branch)).toBe("a\nb\nc");
});

const contentOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

test("nothing of a set-up is left", () => {
  expect(world.jobProcesses()).toEqual([]);
  const kept = join(world.home, ".agenticore/setups");
  expect(existsSync(kept) && readdirSync(kept).every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
});
