import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { gitServer } from "../support/git-server.ts";
import { buildImage, type Image } from "../support/image/build-image.ts";
import { startContainer } from "../support/image/container.ts";
import { mustBeAble } from "../support/image/debian.ts";
import { startModel } from "../support/model/start-model.ts";
import { gitIn, personRepo } from "../support/sample-repo.ts";

const context = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "ac-image-"));
let image: Image;

beforeAll(() => {
  mustBeAble();
  image = buildImage({ context, dockerfile: "runner.Dockerfile", folder });
}, 600_000);

afterAll(() => {
  // A mount below would be deleted through: there is none, since all were made in namespaces of their own.
  const mounts = execFileSync("cat", ["/proc/self/mountinfo"], { encoding: "utf8" });
  if (mounts.includes(` ${folder}`)) throw new Error(`something is mounted below ${folder}: it is left as it is`);
  rmSync(folder, { recursive: true, force: true });
});

/** An API and a runner of the image, each in a container of its own, on volumes that they share, and all that they talk to. */
async function aPlace(name: string) {
  const volumes = join(folder, `volumes-${name}`);
  mkdirSync(volumes);
  const model = await startModel();
  const repo = personRepo(join(folder, `person-${name}`));
  execFileSync("git", ["clone", "-q", "--bare", repo.path, join(folder, `${name}.git`)]);
  gitIn(join(folder, `${name}.git`))("config", "http.receivepack", "true");
  const server = await gitServer({ root: folder });
  const env = {
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: "sk-made-up-key-for-tests",
    AGENTICORE_ALLOWED_REPOS: `http://${server.host}/**`,
    AGENTICORE_LEASE_SECONDS: "20",
    AGENTICORE_PORT: "0",
  };
  const start = (args?: readonly string[]) => startContainer(image, { env, volumes, ...(args ? { args } : {}) });
  const api = await start(["serve", "--no-runner"]);
  const url = await eventually(() => /listening on (http:\/\/\S+)/.exec(api.said())?.[1], { what: () => api.said() });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const job = async (id: unknown) => (await call("GET", `/jobs/${id}`))["job"] as Record<string, unknown>;
  return {
    ...{ model, url, call, job, volumes, start, repoUrl: server.url(`${name}.git`) },
    bare: gitIn(join(folder, `${name}.git`)),
    runner: async () => {
      const runner = await start();
      await eventually(() => /runner ready/.test(runner.said()), { what: () => runner.said() });
      return runner;
    },
    submit: async (request: Record<string, unknown>) =>
      (await call("POST", "/jobs", request))["job"] as Record<string, unknown>,
    until: (id: unknown, fits: (job: Record<string, unknown>) => boolean) => {
      let last: Record<string, unknown> | undefined;
      return eventually(
        async () => {
          last = await job(id);
          return fits(last) ? last : undefined;
        },
        { what: () => JSON.stringify(last) },
      );
    },
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
    },
  };
}
const over = ({ status }: Record<string, unknown>) => ["succeeded", "failed", "cancelled"].includes(String(status));

test("a runner of the image, as a user without rights on a read-only root, clones, works and pushes", async () => {
  await using place = await aPlace("work");
  await using runner = await place.runner();
  const { id } = await place.submit({ task: "Add. [[scenario:write-commit file=new.txt]]", repo_url: place.repoUrl });
  const job = await place.until(id, over);

  expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(place.bare("diff", "--name-only", "main", String(job["branch"]))).toBe("new.txt");
  const processes = runner.processes();
  expect(new Set(processes.map(({ uid }) => uid))).toEqual(new Set([10_001]));
  expect(processes.find(({ pid }) => pid === runner.pid)?.command).toMatch(/^tini -- agenticore runner$/);
  for (const path of ["/app/x", "/etc/x", "/x", "/usr/local/bin/x"])
    expect(runner.exec(["touch", path], "0:0").stderr).toContain("Read-only file system");
  for (const path of image.volumes) expect(runner.exec(["touch", `${path}/x`]).code).toBe(0);
  expect(runner.exec(["claude", "--version"]).stdout).toBe("2.1.330 (Claude Code)\n");
});

test("PID 1 reaps what jobs leave behind", async () => {
  await using place = await aPlace("reap");
  await using runner = await place.runner();
  const { id } = await place.submit({ task: "Say something. [[scenario:text]]" });
  await place.until(id, over);
  runner.exec(["sh", "-c", "for n in 1 2 3; do (sleep 0.2 &) ; done"]);
  const named = () => runner.processes().filter(({ command }) => command.startsWith("sleep"));
  await eventually(() => named().length === 0 && runner.processes().every(({ state }) => state !== "Z"));
});

test("its health check tells a runner that works from one that hangs", async () => {
  await using place = await aPlace("health");
  await using runner = await place.runner();
  expect(image.health).toEqual(["agenticore", "runner", "health"]);
  expect(runner.exec(image.health)).toMatchObject({ code: 0 });
  const node = runner
    .processes()
    .find(({ command }) => command.includes("agenticore runner") && !command.startsWith("tini"));
  process.kill(node?.pid ?? 0, "SIGSTOP");
  expect(runner.exec(image.health)).toMatchObject({ code: 1, stderr: expect.stringContaining("does not answer") });
  process.kill(node?.pid ?? 0, "SIGCONT");
  await eventually(() => runner.exec(image.health).code === 0);
});

test("told to stop, it ends the job that it has, takes no other, and then ends itself", async () => {
  await using place = await aPlace("drain");
  await using runner = await place.runner();
  const first = await place.submit({ task: "Work. [[scenario:text]] [[hold:gate]]" });
  await place.until(first["id"], ({ phase }) => phase === "running");
  runner.stop();
  await eventually(() => runner.said().includes("Draining"));
  const second = await place.submit({ task: "Later. [[scenario:text]]" });
  place.model.release("gate");
  expect(await runner.gone).toBe(0);
  expect(await place.job(first["id"])).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(await place.job(second["id"])).toMatchObject({ status: "queued", attempt: 0 });
  await using _next = await place.runner();
  expect(await place.until(second["id"], over)).toMatchObject({ status: "succeeded", attempt: 1 });
});

test("the image holds what it needs to run and no more", () => {
  const size = (path: string) =>
    Number(spawnSync("du", ["-sm", join(image.root, path)], { encoding: "utf8" }).stdout.split("\t")[0]);
  expect(size("app")).toBeLessThan(100);
  expect(size(".")).toBeLessThan(1100);
  for (const path of [
    "app/node_modules/typescript",
    "app/node_modules/vitest",
    "usr/local/bin/npm",
    "root/.npm",
    "app/scripts",
  ])
    expect(existsSync(join(image.root, path))).toBe(false);
});
