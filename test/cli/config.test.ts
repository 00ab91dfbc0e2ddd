import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { Key } from "../../shared/config-key.ts";
import { type ConfigName, configKeys } from "../../shared/config-keys.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { RedisHttpToken } from "../../shared/redis-http-token.ts";
import { RouteRule } from "../../shared/route-rule.ts";
import { Secret } from "../../shared/secret.ts";
import { aCli } from "../support/a-cli.ts";

/** Two valid values for each key, unlike each other and its default. */
const samples: Record<ConfigName, readonly [string, string]> = {
  host: ["::1", "127.0.0.2"],
  port: ["8201", "8202"],
  transport: ["stdio", "http"],
  apiKeys: ["key-one-long", "key-two-long"],
  requireKeys: ["true", "false"],
  ratePerMinute: ["60", "0"],
  addressHeader: ["X-Forwarded-For", "X-Real-IP"],
  oauthIssuers: ["https://one.example", "https://two.example/tenant"],
  oauthResource: ["https://one.example/mcp", "https://two.example"],
  oauthScopes: ["write=submit,view=read", "https://a.example/read=read"],
  allowUnauthenticated: ["true", "false"],
  corsOrigins: ["https://a.example", "https://b.example"],
  clientUrl: ["http://one.example", "http://two.example"],
  clientApiKey: ["key-one-long", "key-two-long"],
  claudeBinary: ["/opt/claude", "/usr/local/bin/claude"],
  claudeTimeout: ["60", "70"],
  approvalTimeout: ["60", "70"],
  defaultProfile: ["review", "docs"],
  claudeConfigDir: ["/one", "/two"],
  claudeHomeDir: ["/one", "/two"],
  claudeEnv: ["ONE", "TWO"],
  trustedRepos: ["https://a.example/**", "https://b.example/**"],
  claudeCredentials: ["key-one-long", "key-two-long"],
  stallSeconds: ["0", "60"],
  keyBroker: ["false", "true"],
  sandbox: ["none", "auto"],
  sessionKey: ["0f".repeat(32), Buffer.alloc(32, 7).toString("base64")],
  dataDir: ["/one", "/two"],
  gitName: ["One", "Two"],
  gitEmail: ["one@example.org", "two@example.org"],
  queueTtl: ["60", "70"],
  maxAttempts: ["4", "5"],
  repoLimit: ["4", "5"],
  poolLimits: ["big=2,default=10", "gpu=1"],
  leaseSeconds: ["60", "70"],
  renewSeconds: ["6", "7"],
  pools: ["gpu", "small"],
  retentionFailed: ["60", "70"],
  retentionWorktrees: ["60", "70"],
  checkpointSeconds: ["6", "7"],
  diskLowWater: ["10%", "2G"],
  logLevel: ["debug", "warn"],
  routerRules: ['[{"profile":"docs","repo":["https://a.example/**"]}]', '[{"profile":"docs","task":"typo"}]'],
  aiRouting: ["true", "false"],
  aiRoutingModel: ["haiku", "sonnet"],
  reposRoot: ["/one", "/two"],
  worktreeRoot: ["/one", "/two"],
  sharedFsRoot: ["/one", "/two"],
  jobsDir: ["/one", "/two"],
  podName: ["one", "two"],
  maxParallelJobs: ["4", "5"],
  jobTtl: ["60", "70"],
  allowedRepos: ["https://a.example/**", "https://b.example/**"],
  budgetTotal: ["10", "20.5"],
  budgetPerKey: ["1", "2"],
  budgetPerRepo: ["3", "4"],
  budgetPerJob: ["0.5", "0.75"],
  redisUrl: ["redis://one", "https://two.example"],
  redisToken: ["token-one-long", "token-two-long"],
  redisKeyPrefix: ["one", "two"],
  redisHttpHost: ["::1", "127.0.0.2"],
  redisHttpPort: ["8081", "8082"],
  redisHttpTokens: ["one:full:secret-one-long-enough", "two:scope=jobs::secret-two-long-enough"],
  redisHttpMaxRequests: ["4", "5"],
  redisHttpMaxSubscriptions: ["4", "5"],
  otelEnabled: ["true", "false"],
  otelEndpoint: ["http://one.example", "http://two.example"],
  otelProtocol: ["grpc", "http/json"],
  otelHeaders: ["a=one-long-one", "a=two-long-two"],
  otelLogPrompts: ["true", "false"],
  otelLogToolDetails: ["false", "true"],
  langfuseHost: ["https://one.example", "https://two.example"],
  langfusePublicKey: ["pk-one-long", "pk-two-long"],
  langfuseSecretKey: ["sk-one-long", "sk-two-long"],
  postgresUrl: ["postgres://one:secret@a/b", "postgres://two:secret@a/b"],
  githubToken: ["token-one-long", "token-two-long"],
  githubAppId: ["1", "2"],
  githubAppInstallationId: ["1", "2"],
  githubAppPrivateKey: ["pem-one-long", "pem-two-long"],
  githubAppPrivateKeyPath: ["/one", "/two"],
  githubWebhookSecret: ["hook-one-long", "hook-two-long"],
  githubApiUrl: ["https://one.example", "https://two.example"],
  notifyAllowed: ["one.example", "*.two.example"],
  notifySecret: ["one text of more than 24 letters", "two texts of more than 24 letters"],
  agentihooksPath: ["/one", "/two"],
};
const keys = Object.entries<Key>(configKeys) as [ConfigName, Key][];
const yamlOf = (key: Key, value: string) => {
  const [first = "", second] = key.yaml.split(".");
  return stringify(second === undefined ? { [first]: value } : { [first]: { [second]: value } });
};
function revealed(value: unknown): string {
  if (value instanceof RedisHttpToken) return `${value}`.replace("[secret]", value.reveal());
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value) && RouteRule.safeParse(value[0]).success) return JSON.stringify(value);
  if (Array.isArray(value)) return value.map(revealed).join(",");
  const pairs = (all: object) => Object.entries(all).map((pair) => pair.join("="));
  return typeof value === "object" && value !== null ? pairs(value).join(",") : String(value);
}

function place(env: Record<string, string>, yaml: string) {
  const cli = aCli({ env });
  mkdirSync(join(cli.home, ".agenticore"), { recursive: true });
  writeFileSync(join(cli.home, ".agenticore/config.yml"), yaml);
  return cli;
}

test.each(keys)("W-40: %s: the variable wins over the file, the file over the default", async (name, key) => {
  const [inEnv, inFile] = samples[name];
  for (const variable of key.env) {
    const both = await loadConfig(place({ [variable]: inEnv }, yamlOf(key, inFile)).context);
    expect(revealed(both.config[name])).toBe(inEnv);
    expect(both.origins[name]).toBe(variable);
  }
  const empty = Object.fromEntries(key.env.map((variable) => [variable, ""]));
  const file = await loadConfig(place(empty, yamlOf(key, inFile)).context);
  expect(revealed(file.config[name])).toBe(inFile);
  expect(file.origins[name]).toBe(`${key.yaml} in ${file.file}`);

  const neither = await loadConfig(place({}, "").context);
  expect(neither.origins[name]).toBe("default");
});

test("config shows every key with its origin and no secret", async () => {
  const env = Object.fromEntries(keys.map(([name, key]) => [key.env[0], samples[name][0]]));
  const cli = aCli({ env });

  for (const argv of [["config"], ["config", "--json"]]) {
    const { code, out } = await cli.run(...argv);
    expect(code).toBe(0);
    for (const [name, key] of keys) {
      expect(out).toContain(key.yaml);
      expect(out).toContain(key.env[0]);
      if (key.isSecret) expect(out).not.toContain(samples[name][0]);
      else if (name === "routerRules") expect(out).toContain("https://a.example/**");
      else for (const part of samples[name][0].split(",")) expect(out).toContain(part);
    }
  }
});

test("a password within an address is not shown, neither by config nor by a refusal", async () => {
  const good = aCli({ env: { REDIS_URL: "rediss://me:p%40ss-word@redis.example:6380/1" } });
  for (const argv of [["config"], ["config", "--json"]]) {
    const { out } = await good.run(...argv);
    expect(out).toContain("rediss://me:[secret]@redis.example:6380/1");
    expect(out).not.toContain("ss-word");
  }
  const { code, err } = await aCli({ env: { REDIS_URL: "postgres://me:ss-word@host" } }).run("config");
  expect(code).toBe(1);
  expect(err).toContain("postgres://me:[secret]@host");
  expect(err).not.toContain("ss-word");
});

test("a wrong value names its key, its source and what is allowed, and ends with 1", async () => {
  const { code, out, err } = await place({}, "server:\n  port: 99999\n").run("config");

  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/server\.port in .*config\.yml: must be 0 to 65535/);
});

test("a key that does not exist names the nearest one", async () => {
  const { code, err } = await place({}, "server:\n  prot: 1\n").run("config");

  expect(code).toBe(1);
  expect(err).toContain("the nearest is server.port");
});

test("a file that is not YAML is refused with its line", async () => {
  const { code, err } = await place({}, "server:\n  port: [1\n").run("config");

  expect(code).toBe(1);
  expect(err).toMatch(/config\.yml is not YAML: .*line 3/s);
});

test("a file that was asked for must be there", async () => {
  const { code, err } = await aCli({ env: { AGENTICORE_CONFIG: "/nowhere/config.yml" } }).run("config");

  expect(code).toBe(1);
  expect(err).toContain("/nowhere/config.yml does not exist");
});

test("paths may begin with the home folder or be relative", async () => {
  const cli = aCli({ env: { AGENTICORE_DATA_DIR: "~/data", AGENTICORE_REPOS_ROOT: "repos" }, cwd: "/srv" });
  const { config } = await loadConfig(cli.context);

  expect(config.dataDir).toBe(join(cli.home, "data"));
  expect(config.reposRoot).toBe("/srv/repos");
});

test("a shared folder moves the clone caches, job files and the login there, unless they are named", async () => {
  const shared = await loadConfig(aCli({ env: { AGENTICORE_SHARED_FS_ROOT: "~/nfs/" } }).context);
  const root = shared.config.sharedFsRoot;
  expect(shared.config).toMatchObject({
    reposRoot: `${root}/repos`,
    jobsDir: `${root}/jobs`,
    claudeHomeDir: root,
  });
  expect(shared.config.worktreeRoot).not.toContain(String(root));
  const named = await loadConfig(
    place({ AGENTICORE_REPOS_ROOT: "/srv/repos" }, "repos:\n  shared_fs_root: /nfs\n").context,
  );
  expect(named.config).toMatchObject({ reposRoot: "/srv/repos", jobsDir: "/nfs/jobs" });
});
