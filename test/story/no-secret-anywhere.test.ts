import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startBridge } from "../support/a-bridge.ts";
import { aGithubWorld } from "../support/a-github-world.ts";
import { startRedis } from "../support/a-redis.ts";
import type { World } from "../support/a-world.ts";
import { redisText } from "../support/redis-text.ts";

/** None has the shape of a well-known secret: nothing but its value can take it out of a text. */
const given = {
  ANTHROPIC_API_KEY: "the-real-key-of-the-model",
  AGENTICORE_SESSION_KEY: Buffer.alloc(32, 7).toString("base64"),
  AGENTICORE_API_KEY: "the-key-of-our-own-api",
  LANGFUSE_SECRET_KEY: "the-key-of-langfuse-itself",
  OTEL_EXPORTER_OTLP_HEADERS: "authorization=the-key-of-the-collector",
};
const redisPassword = "the-password-of-redis";

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "latin1").replaceAll("\0", "\n");
  } catch {
    return ""; // it has ended in between
  }
};

/** What processes show of themselves while the work goes on: arguments of all, the environment of the jobs'. */
async function watched(world: World, work: () => Promise<void>) {
  const shown = { arguments: new Set<string>(), environments: new Set<string>() };
  const look = () => {
    for (const pid of readdirSync("/proc")) if (Number(pid) > 0) shown.arguments.add(textOf(`/proc/${pid}/cmdline`));
    for (const pid of world.jobProcesses()) shown.environments.add(textOf(`/proc/${pid}/environ`));
  };
  const timer = setInterval(look, 25);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return { arguments: [...shown.arguments].join("\n"), environments: [...shown.environments].join("\n") };
}

/** Files below the folder that hold this text, also within a database. */
const filesWith = (text: string, folder: string): string[] =>
  execFileSync("sh", ["-c", 'grep -rlaF -e "$1" "$2" || true', "sh", text, folder], { encoding: "utf8" })
    .split("\n")
    .filter(Boolean);

/** Each call of git is written down, however short it is: its arguments, and of our own its environment. */
function recordGit({ home, write }: World): string {
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const record = `printf '%s ' "$@"; echo; [ "$AGENTICORE_JOB_ID" ] || env`;
  write("bin/git", `#!/bin/bash\n{ { ${record}; } >>"${home}/calls-of-git"; } 2>/dev/null\nexec "${real}" "$@"\n`);
  chmodSync(join(home, "bin/git"), 0o755);
  return `${join(home, "bin")}:${process.env["PATH"]}`;
}

test("no token or key is in an argument, in the environment of Claude or git, in a file, log, event or job, in the store or at the repository, while jobs run or after", async () => {
  await using redis = await startRedis();
  const admin = new Redis(redis.url);
  await admin.config("SET", "requirepass", redisPassword);
  admin.disconnect();
  const redisUrl = redis.url.replace("redis://", `redis://:${redisPassword}@`);
  await using bridge = await startBridge(redisUrl);
  const tokens: Record<string, string> = {};
  await using at = await aGithubWorld({
    env: (github) => {
      const app = github.app({ owner: "acme" });
      tokens["github"] = github.token();
      tokens["app"] = app.key.split("\n")[1] ?? "";
      return {
        ...{ ...given, ...app.env, GITHUB_TOKEN: tokens["github"], REDIS_URL: redisUrl },
        ...{ AGENTICORE_API_KEYS: given.AGENTICORE_API_KEY, LANGFUSE_PUBLIC_KEY: "pk-of-langfuse" },
        ...{ LANGFUSE_HOST: "http://127.0.0.1:9", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" },
      };
    },
  });
  const { world, github, repo, url } = at;
  const other = github.repo("others/tool"); // where the App is not installed
  world.write(".agenticore/profiles/talks/profile.yml", "extends: code\ngh: true\n");
  const PATH = recordGit(world);
  const api = await world.serve({ direct: true, args: ["--no-runner"], env: { PATH } });
  const near = await world.runner({ PATH, AGENTICORE_POD_NAME: "near", AGENTICORE_POOLS: "tcp" });
  const far = await world.runner({
    ...{ PATH, AGENTICORE_POD_NAME: "far", AGENTICORE_POOLS: "http", AGENTICORE_DATA_DIR: join(world.home, "far") },
    ...{ REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token },
  });
  const curious =
    "env | tee env.txt; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > processes.txt; git config -l --show-origin";
  const look = `Look. [[scenario:run command="${curious}"]] [[hold:seen@1]]`;
  const talk = 'Talk. [[scenario:run command="gh --version; true"]] [[hold:seen@1]]';
  const jobs: Record<string, unknown>[] = [];
  const told: unknown[] = [];

  const shown = await watched(world, async () => {
    const asked = [
      await world.submit({ task: look, repo_url: url, pool: "tcp" }),
      await world.submit({ task: look, repo_url: github.url("others/tool"), pool: "http" }),
      await world.submit({ task: talk, repo_url: url, pool: "tcp", profile: "talks" }),
      await world.submit({ task: look, repo_url: github.url("others/absent"), pool: "tcp" }),
    ];
    const isAtWork = (word: string) =>
      world.model.waitFor((seen) => seen.step === 1 && (seen.userTexts[0] ?? "").startsWith(word));
    await Promise.all([isAtWork("Look."), isAtWork("Talk.")]);
    world.model.release("seen");
    for (const { id } of asked) jobs.push(await world.ended(id));
    const { session_id } = jobs[1] ?? {};
    const next = { task: "Go on. [[scenario:text]]", repo_url: github.url("others/tool"), session_id, pool: "tcp" };
    jobs.push(await world.ended((await world.submit(next)).id));
    for (const { id } of jobs) told.push(await world.events(String(id)));
    told.push((await world.call("GET", "/runners")).body, (await world.call("GET", "/jobs")).body);
    for (const runner of [near, far]) expect(await runner.end("SIGTERM")).toBe(0);
  });

  expect(jobs.map(({ status, error_code = "" }) => `${status} ${error_code}`.trim())).toEqual([
    ...["succeeded", "succeeded", "succeeded", "failed auth_failed", "succeeded"],
  ]);
  const stored = await redisText({ url: redisUrl });
  const logs = [api, near, far].map((process) => process.stderr()).join("\n");
  const history = [repo, other].map(({ git }) => git("log", "-p", "--all")).join("\n");
  const said = JSON.stringify([jobs, told, world.model.requests()]);
  const all = { arguments: shown.arguments, logs, history, said, stored, environments: shown.environments };
  const gh = github.minted.filter(({ permissions }) => permissions["contents"] === "read").map(({ token }) => token);
  const secrets = [
    ...[...Object.values(given), redisPassword, bridge.token, ...Object.values(tokens)],
    ...github.minted.map(({ token }) => token),
  ];
  expect(secrets.length).toBeGreaterThan(10);
  for (const secret of secrets) {
    const places = Object.entries(all).flatMap(([place, text]) => (text.includes(secret) ? [place] : []));
    expect({ secret, places }).toEqual({ secret, places: gh.includes(secret) ? ["environments"] : [] });
    expect(filesWith(secret, world.home)).toEqual([]);
  }
  // What is there is found: in each place something that belongs there.
  const id = String(jobs[0]?.["id"]);
  for (const text of [logs, said, stored, shown.environments]) expect(text).toContain(id);
  expect(shown.arguments).toContain("--input-format");
  expect(history).toContain("ANTHROPIC_BASE_URL=");
  for (const sign of ["credential.http://127.0.0.1", "AGENTICORE_GIT_LOGIN="])
    expect(filesWith(sign, join(world.home, "calls-of-git"))).toHaveLength(1);
  expect(gh).toHaveLength(1);
});
