import { expect, test } from "vitest";
import { resolveConfig } from "../../shared/config.ts";
import { configKeys } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";

const at = { home: "/home/ada", hostName: "box", kubernetes: false };
const resolve = (env: Record<string, string> = {}, content?: unknown, place: Partial<typeof at> = {}) =>
  resolveConfig({
    env,
    at: { ...at, ...place },
    ...(content === undefined ? {} : { file: { name: "config.yml", content } }),
  });
function refusal(env: Record<string, string>, content?: unknown): AppError {
  try {
    resolve(env, content);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("it was not refused");
}

test("with nothing set every key has its default or is absent", () => {
  const { config, origins } = resolve();
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 8200,
    transport: "http",
    apiKeys: [],
    defaultProfile: "code",
    claudeTimeout: 3_600,
    dataDir: "/home/ada/.agenticore",
    jobsDir: "/home/ada/.agenticore/jobs",
    podName: "box",
    leaseSeconds: 360,
    maxAttempts: 3,
    pools: ["default"],
    jobTtl: 86_400,
    queueTtl: 86_400,
    redisKeyPrefix: "agenticore",
  });
  expect(config.redisUrl).toBeUndefined();
  expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
  expect(Object.keys(origins)).toEqual(Object.keys(configKeys));
});

test("in Kubernetes home and worktrees lie elsewhere", () => {
  expect(resolve({}, undefined, { kubernetes: true }).config).toMatchObject({
    claudeHomeDir: "/shared",
    worktreeRoot: "/app/worktrees",
  });
});

test("a variable is over the file, the file over the default, and an empty variable is unset", () => {
  const file = { server: { port: 9_000, host: "" }, queue: { pools: ["gpu"] } };
  const { config, origins } = resolve(
    { AGENTICORE_PORT: "  ", AGENTICORE_POOLS: "a, b ,,", AGENTICORE_HOST: "" },
    file,
  );
  expect(config).toMatchObject({ port: 9_000, host: "127.0.0.1", pools: ["a", "b"] });
  expect(origins).toMatchObject({ port: "server.port in config.yml", host: "default", pools: "AGENTICORE_POOLS" });
});

test("W-38: a section with nothing below it says nothing, and a number that is none is told with its key", () => {
  const sections = [...new Set(Object.values(configKeys).map(({ yaml }) => yaml.split(".")[0] ?? ""))];
  const empty = Object.fromEntries(sections.map((section) => [section, null]));
  expect(resolve({}, empty).config).toEqual(resolve().config);
  expect(refusal({ AGENTICORE_MAX_PARALLEL_JOBS: "three" }).message).toContain(
    'AGENTICORE_MAX_PARALLEL_JOBS: must be a whole number (it is "three")',
  );
  expect(refusal({}, { repos: { max_parallel_jobs: "three" } }).message).toContain(
    "repos.max_parallel_jobs in config.yml",
  );
});

test.each([
  [[{ profile: "code" }], "rule 1: must say when: repo, task or label"],
  [
    [
      { profile: "a", task: "x" },
      { profile: "b", task: "(" },
    ],
    "rule 2: task: must be a regular expression",
  ],
  [[{ profile: "../x", task: "x" }], "rule 1: profile: "],
  [[{ profile: "a", repos: "x" }], 'rule 1: Unrecognized key: "repos"'],
  [["code"], "rule 1: Invalid input"],
  ["no list", "must be a list of rules as JSON"],
  [{ profile: "a" }, "must be a list of rules"],
])("rules for routing that cannot be read are told with their number: %j", (rules, says) => {
  const { message } = refusal({}, { router: { rules } });
  expect(message).toContain("router.rules");
  expect(message).toContain(says);
});

test("where a key has two variables the first one set counts", () => {
  expect(resolve({ UPSTASH_REDIS_REST_URL: "https://b.example" }).config.redisUrl).toBe("https://b.example");
  const both = { REDIS_URL: "redis://a.example", UPSTASH_REDIS_REST_URL: "https://b.example" };
  expect(resolve(both)).toMatchObject({
    config: { redisUrl: "redis://a.example" },
    origins: { redisUrl: "REDIS_URL" },
  });
});

test.each([
  ["AGENTICORE_PORT", "eighty"],
  ["AGENTICORE_PORT", "70000"],
  ["AGENTICORE_PORT", "80.5"],
  ["AGENTICORE_LEASE_SECONDS", "0"],
  ["AGENTICORE_TRANSPORT", "carrier-pigeon"],
  ["AGENTICORE_AI_ROUTING", "maybe"],
  ["AGENTICORE_POOLS", "Not A Pool"],
  ["AGENTICORE_DISK_LOW_WATER", "five"],
  ["REDIS_URL", "ftp://host"],
  ["AGENTICORE_DEFAULT_PROFILE", "../etc"],
])("%s=%s is refused, and the error names key, value and what is allowed", (name, value) => {
  const error = refusal({ [name]: value });
  expect(error.code).toBe("invalid_request");
  expect(error.errors).toHaveLength(1);
  expect(error.errors[0]?.path).toBe(name);
  expect(error.message).toContain(name);
});

test.each<[string, unknown]>([
  ["a variable", undefined],
  ["text", "big=2, default = 10,"],
  ["a list of pairs", ["big=2", "default=10"]],
  ["a map", { big: 2, default: "10" }],
])("the limits of pools can be given as %s", (_, content) => {
  const { config } =
    content === undefined
      ? resolve({ AGENTICORE_POOL_LIMITS: "big=2,default=10" })
      : resolve({}, { queue: { pool_limits: content } });
  expect(config.poolLimits).toEqual({ big: 2, default: 10 });
});

test("without limits of pools there are none", () => {
  expect(resolve().config.poolLimits).toBeUndefined();
});

test.each<[unknown, string]>([
  ["big", '"big" has no number'],
  ["big=", '"big" has no number'],
  ["Big=2", '"Big" is no pool'],
  ["=2", '"" is no pool'],
  ["big=0", "limit of pool big must be a whole number, 1 to 10000"],
  ["big=-1", "limit of pool big must be a whole number"],
  ["big=1.5", "limit of pool big must be a whole number"],
  ["big=two", "limit of pool big must be a whole number"],
  ["big=1=2", "limit of pool big must be a whole number"],
  ["big=10001", "limit of pool big must be a whole number"],
  ["big=2,big=3", "big is named twice"],
  [{ big: { limit: 2 } }, "must be like big=2,default=10"],
  [{ big: 0 }, "limit of pool big must be a whole number"],
  [7, "must be like big=2,default=10"],
])("limits of pools that are wrong (%j) are refused, and the error says what of them", (content, sentence) => {
  const error = refusal({}, { queue: { pool_limits: content } });
  expect(error.errors.map(({ path }) => path)).toEqual(["queue.pool_limits in config.yml"]);
  expect(error.errors[0]?.message).toContain(sentence);
});

test("all that is wrong is told at once, with where it stands", () => {
  const error = refusal({ AGENTICORE_PORT: "x" }, { server: { host: 7 }, queue: { max_attempts: 99 }, colour: "red" });
  expect(error.errors.map(({ path }) => path).toSorted()).toEqual([
    "AGENTICORE_PORT",
    "colour in config.yml",
    "queue.max_attempts in config.yml",
    "server.host in config.yml",
  ]);
});

test("an unknown key names the nearest right one", () => {
  expect(refusal({}, { server: { prot: 1 } }).message).toContain("server.port");
  expect(refusal({}, { repo: { jobs_dir: "x" } }).message).toContain("repos.jobs_dir");
});

test("a section that holds one value or a list is refused with the keys that it takes, an empty one is not", () => {
  for (const wrong of [8200, [8200], "http://127.0.0.1", false])
    expect(refusal({}, { server: wrong }).message).toMatch(/server in \S+: must hold keys below it: host, port, /);
  expect(refusal({}, [{ server: 1 }]).remedy).toContain("Mend the file");
  for (const empty of [null, {}]) expect(resolve({}, { server: empty }).config.port).toBe(8200);
});

test("no secret is ever shown, not in errors, not when it is printed", () => {
  const { config } = resolve({
    GITHUB_TOKEN: "very-secret-value",
    AGENTICORE_API_KEYS: "very-secret-value,another-secret-value",
  });
  expect(config.githubToken?.reveal()).toBe("very-secret-value");
  expect(config.apiKeys.map((key) => key.reveal())).toEqual(["very-secret-value", "another-secret-value"]);
  expect(`${JSON.stringify(config)}${String(config.githubToken)}`).not.toContain("secret-value");
  expect(refusal({}, { github: { token: { nested: "very-secret-value" } } }).message).not.toContain("secret-value");
});

test("W-38: a section with nothing in it is none, and a number that is none is told", () => {
  const { config } = resolve({}, { repos: null, server: {}, queue: "" });
  expect(config.maxParallelJobs).toBe(3);
  expect(config.port).toBe(8_200);
  expect(refusal({ AGENTICORE_MAX_PARALLEL_JOBS: "three" }).message).toContain("AGENTICORE_MAX_PARALLEL_JOBS");
});

test("a file that is a list or a word is refused, an empty one is no file", () => {
  expect(refusal({}, ["a"]).message).toContain("config.yml");
  expect(refusal({}, "hello").message).toContain("config.yml");
  expect(resolve({}, null).config.port).toBe(8_200);
  expect(resolve({}, {}).config.port).toBe(8_200);
});
