import { z } from "zod";
import { at, hidden, key, maybe, type Surroundings } from "./config-key.ts";
import {
  choice,
  diskSize,
  dollars,
  flag,
  headerName,
  list,
  poolCounts,
  secret,
  secretKey,
  secrets,
  secureUrl,
  text,
  url,
  whole,
} from "./config-value.ts";
import { PoolName, ProfileName } from "./job.ts";
import { signingSecrets } from "./notify/signature.ts";
import { oauthScopes } from "./oauth-scopes.ts";
import { redisHttpTokens } from "./redis-http-token.ts";
import { routeRules } from "./route-rule.ts";

/** Every key of the configuration (contract 6): variable, YAML path, kind, default. */
export const configKeys = {
  host: key({ env: "AGENTICORE_HOST", yaml: "server.host", schema: text }, "127.0.0.1"),
  port: key({ env: "AGENTICORE_PORT", yaml: "server.port", schema: whole(0, 65_535) }, 8200),
  transport: key(
    {
      env: "AGENTICORE_TRANSPORT",
      yaml: "server.transport",
      schema: choice(["http", "sse", "stdio"]).transform((t) => (t === "stdio" ? t : "http")),
    },
    "http",
  ),
  apiKeys: { ...key({ env: "AGENTICORE_API_KEYS", yaml: "server.api_keys", schema: secrets }, []), isSecret: true },
  requireKeys: key({ env: "AGENTICORE_REQUIRE_KEYS", yaml: "server.require_keys", schema: flag }, false),
  ratePerMinute: key(
    { env: "AGENTICORE_RATE_LIMIT_PER_MINUTE", yaml: "server.rate_limit_per_minute", schema: whole(0, 1_000_000) },
    3_000,
  ),
  addressHeader: maybe({ env: "AGENTICORE_ADDRESS_HEADER", yaml: "server.address_header", schema: headerName }),
  oauthIssuers: key(
    { env: "AGENTICORE_OAUTH_ISSUERS", yaml: "oauth.issuers", schema: list.pipe(z.array(secureUrl)) },
    [],
  ),
  oauthResource: maybe({ env: "AGENTICORE_OAUTH_RESOURCE", yaml: "oauth.resource", schema: secureUrl }),
  oauthScopes: maybe({ env: "AGENTICORE_OAUTH_SCOPES", yaml: "oauth.scopes", schema: oauthScopes }),
  allowUnauthenticated: key(
    { env: "AGENTICORE_ALLOW_UNAUTHENTICATED", yaml: "server.allow_unauthenticated", schema: flag },
    false,
  ),
  corsOrigins: key({ env: "AGENTICORE_CORS_ORIGINS", yaml: "server.cors_origins", schema: list }, []),
  clientUrl: maybe({ env: "AGENTICORE_URL", yaml: "client.url", schema: url("http", "https") }),
  clientApiKey: hidden({ env: "AGENTICORE_API_KEY", yaml: "client.api_key", schema: secret }),
  claudeBinary: key({ env: "AGENTICORE_CLAUDE_BINARY", yaml: "claude.binary", schema: text }, "claude"),
  claudeTimeout: key({ env: "AGENTICORE_CLAUDE_TIMEOUT", yaml: "claude.timeout", schema: whole(1, 86_400) }, 3600),
  approvalTimeout: key(
    { env: "AGENTICORE_APPROVAL_TIMEOUT", yaml: "claude.approval_timeout", schema: whole(1, 86_400) },
    1800,
  ),
  defaultProfile: key(
    { env: "AGENTICORE_DEFAULT_PROFILE", yaml: "claude.default_profile", schema: ProfileName },
    "code",
  ),
  claudeConfigDir: maybe({ env: "AGENTICORE_CLAUDE_CONFIG_DIR", yaml: "claude.config_dir", schema: text }),
  claudeHomeDir: key(
    { env: "CLAUDE_CODE_HOME_DIR", yaml: "claude.home_dir", schema: text },
    (p) => p.shared ?? (p.kubernetes ? "/shared" : p.home),
  ),
  claudeEnv: key({ env: "AGENTICORE_CLAUDE_ENV", yaml: "claude.env", schema: list }, []),
  trustedRepos: key({ env: "AGENTICORE_TRUSTED_REPOS", yaml: "claude.trusted_repos", schema: list }, []),
  claudeCredentials: {
    ...key({ env: "AGENTICORE_CLAUDE_CREDENTIALS", yaml: "claude.credentials", schema: secrets }, []),
    isSecret: true,
  },
  stallSeconds: key({ env: "AGENTICORE_STALL_SECONDS", yaml: "claude.stall_seconds", schema: whole(0, 86_400) }, 900),
  keyBroker: key({ env: "AGENTICORE_KEY_BROKER", yaml: "claude.key_broker", schema: flag }, true),
  sandbox: key({ env: "AGENTICORE_SANDBOX", yaml: "claude.sandbox", schema: choice(["auto", "none"]) }, "auto"),
  sessionKey: hidden({ env: "AGENTICORE_SESSION_KEY", yaml: "claude.session_key", schema: secretKey }),
  dataDir: key({ env: "AGENTICORE_DATA_DIR", yaml: "data_dir", schema: text }, at(".agenticore")),
  gitName: maybe({ env: "AGENTICORE_GIT_NAME", yaml: "git.name", schema: text }),
  gitEmail: maybe({ env: "AGENTICORE_GIT_EMAIL", yaml: "git.email", schema: text }),
  queueTtl: key({ env: "AGENTICORE_QUEUE_TTL", yaml: "queue.ttl", schema: whole(1, 31_536_000) }, 86_400),
  maxAttempts: key({ env: "AGENTICORE_MAX_ATTEMPTS", yaml: "queue.max_attempts", schema: whole(1, 10) }, 3),
  repoLimit: maybe({ env: "AGENTICORE_REPO_LIMIT", yaml: "queue.repo_limit", schema: whole(1, 10_000) }),
  poolLimits: maybe({ env: "AGENTICORE_POOL_LIMITS", yaml: "queue.pool_limits", schema: poolCounts }),
  leaseSeconds: key({ env: "AGENTICORE_LEASE_SECONDS", yaml: "queue.lease_seconds", schema: whole(1, 86_400) }, 360),
  renewSeconds: maybe({ env: "AGENTICORE_RENEW_SECONDS", yaml: "queue.renew_seconds", schema: whole(1, 3600) }),
  pools: key({ env: "AGENTICORE_POOLS", yaml: "queue.pools", schema: list.pipe(PoolName.array().min(1)) }, ["default"]),
  retentionFailed: key(
    { env: "AGENTICORE_RETENTION_FAILED", yaml: "repos.retention_failed", schema: whole(0, 31_536_000) },
    86_400,
  ),
  retentionWorktrees: key(
    { env: "AGENTICORE_RETENTION_WORKTREES", yaml: "repos.retention_worktrees", schema: whole(0, 31_536_000) },
    604_800,
  ),
  checkpointSeconds: key(
    { env: "AGENTICORE_CHECKPOINT_SECONDS", yaml: "repos.checkpoint_seconds", schema: whole(1, 86_400) },
    60,
  ),
  diskLowWater: key({ env: "AGENTICORE_DISK_LOW_WATER", yaml: "repos.disk_low_water", schema: diskSize }, "5%"),
  logLevel: key(
    { env: "AGENTICORE_LOG_LEVEL", yaml: "log.level", schema: choice(["debug", "info", "warn", "error"]) },
    "info",
  ),
  routerRules: key({ env: "AGENTICORE_ROUTER_RULES", yaml: "router.rules", schema: routeRules }, []),
  aiRouting: key({ env: "AGENTICORE_AI_ROUTING", yaml: "router.ai", schema: flag }, false),
  aiRoutingModel: key({ env: "AGENTICORE_AI_ROUTING_MODEL", yaml: "router.model", schema: text }, "claude-haiku-4-5"),
  reposRoot: key({ env: "AGENTICORE_REPOS_ROOT", yaml: "repos.root", schema: text }, (p) =>
    p.shared ? `${p.shared}/repos` : `${p.home}/agenticore-repos`,
  ),
  worktreeRoot: key({ env: "AGENTICORE_WORKTREE_ROOT", yaml: "repos.worktree_root", schema: text }, (p) =>
    p.kubernetes ? "/app/worktrees" : `${p.home}/.agenticore/worktrees`,
  ),
  sharedFsRoot: maybe({ env: "AGENTICORE_SHARED_FS_ROOT", yaml: "repos.shared_fs_root", schema: text }),
  jobsDir: key({ env: "AGENTICORE_JOBS_DIR", yaml: "repos.jobs_dir", schema: text }, (p) =>
    p.shared ? `${p.shared}/jobs` : `${p.home}/.agenticore/jobs`,
  ),
  podName: key({ env: "AGENTICORE_POD_NAME", yaml: "repos.pod_name", schema: text }, (p) => p.hostName),
  maxParallelJobs: key(
    { env: "AGENTICORE_MAX_PARALLEL_JOBS", yaml: "repos.max_parallel_jobs", schema: whole(1, 1000) },
    3,
  ),
  jobTtl: key({ env: "AGENTICORE_JOB_TTL", yaml: "repos.job_ttl_seconds", schema: whole(1, 31_536_000) }, 86_400),
  allowedRepos: maybe({ env: "AGENTICORE_ALLOWED_REPOS", yaml: "repos.allowed", schema: list }),
  budgetTotal: maybe({ env: "AGENTICORE_BUDGET_TOTAL", yaml: "budgets.total_usd_per_day", schema: dollars }),
  budgetPerKey: maybe({ env: "AGENTICORE_BUDGET_PER_KEY", yaml: "budgets.per_key_usd_per_day", schema: dollars }),
  budgetPerRepo: maybe({ env: "AGENTICORE_BUDGET_PER_REPO", yaml: "budgets.per_repo_usd_per_day", schema: dollars }),
  budgetPerJob: maybe({ env: "AGENTICORE_BUDGET_PER_JOB", yaml: "budgets.max_per_job_usd", schema: dollars }),
  redisUrl: maybe({
    env: ["REDIS_URL", "UPSTASH_REDIS_REST_URL"],
    yaml: "redis.url",
    schema: url("redis", "rediss", "http", "https"),
  }),
  redisToken: hidden({ env: ["REDIS_TOKEN", "UPSTASH_REDIS_REST_TOKEN"], yaml: "redis.token", schema: secret }),
  redisKeyPrefix: key({ env: "REDIS_KEY_PREFIX", yaml: "redis.key_prefix", schema: text }, "agenticore"),
  redisHttpHost: key({ env: "AGENTICORE_REDIS_HTTP_HOST", yaml: "redis_http.host", schema: text }, "127.0.0.1"),
  redisHttpPort: key({ env: "AGENTICORE_REDIS_HTTP_PORT", yaml: "redis_http.port", schema: whole(0, 65_535) }, 8079),
  redisHttpTokens: {
    ...key({ env: "AGENTICORE_REDIS_HTTP_TOKENS", yaml: "redis_http.tokens", schema: redisHttpTokens }, []),
    isSecret: true,
  },
  redisHttpMaxRequests: key(
    { env: "AGENTICORE_REDIS_HTTP_MAX_REQUESTS", yaml: "redis_http.max_requests", schema: whole(1, 100_000) },
    256,
  ),
  redisHttpMaxSubscriptions: key(
    { env: "AGENTICORE_REDIS_HTTP_MAX_SUBSCRIPTIONS", yaml: "redis_http.max_subscriptions", schema: whole(1, 100_000) },
    1_000,
  ),
  otelEnabled: maybe({ env: "AGENTICORE_OTEL_ENABLED", yaml: "otel.enabled", schema: flag }),
  otelEndpoint: maybe({ env: "OTEL_EXPORTER_OTLP_ENDPOINT", yaml: "otel.endpoint", schema: url("http", "https") }),
  otelProtocol: key(
    {
      env: "OTEL_EXPORTER_OTLP_PROTOCOL",
      yaml: "otel.protocol",
      schema: choice(["http/protobuf", "grpc", "http/json"]),
    },
    "http/protobuf",
  ),
  otelHeaders: hidden({ env: "OTEL_EXPORTER_OTLP_HEADERS", yaml: "otel.headers", schema: secret }),
  otelLogPrompts: key({ env: "AGENTICORE_OTEL_LOG_PROMPTS", yaml: "otel.log_prompts", schema: flag }, false),
  otelLogToolDetails: key(
    { env: "AGENTICORE_OTEL_LOG_TOOL_DETAILS", yaml: "otel.log_tool_details", schema: flag },
    true,
  ),
  langfuseHost: key(
    { env: "LANGFUSE_HOST", yaml: "langfuse.host", schema: url("http", "https") },
    "https://cloud.langfuse.com",
  ),
  langfusePublicKey: hidden({ env: "LANGFUSE_PUBLIC_KEY", yaml: "langfuse.public_key", schema: secret }),
  langfuseSecretKey: hidden({ env: "LANGFUSE_SECRET_KEY", yaml: "langfuse.secret_key", schema: secret }),
  postgresUrl: hidden({ env: "AGENTICORE_POSTGRES_URL", yaml: "postgres.url", schema: secret }),
  githubToken: hidden({ env: "GITHUB_TOKEN", yaml: "github.token", schema: secret }),
  githubAppId: maybe({ env: "GITHUB_APP_ID", yaml: "github.app_id", schema: text }),
  githubAppInstallationId: maybe({
    env: "GITHUB_APP_INSTALLATION_ID",
    yaml: "github.app_installation_id",
    schema: text,
  }),
  githubAppPrivateKey: hidden({ env: "GITHUB_APP_PRIVATE_KEY", yaml: "github.app_private_key", schema: secret }),
  githubAppPrivateKeyPath: maybe({
    env: "GITHUB_APP_PRIVATE_KEY_PATH",
    yaml: "github.app_private_key_path",
    schema: text,
  }),
  githubWebhookSecret: hidden({ env: "GITHUB_WEBHOOK_SECRET", yaml: "github.webhook_secret", schema: secret }),
  githubApiUrl: key(
    { env: "GITHUB_API_URL", yaml: "github.api_url", schema: url("http", "https") },
    "https://api.github.com",
  ),
  notifyAllowed: key({ env: "AGENTICORE_NOTIFY_ALLOWED", yaml: "notify.allowed", schema: list }, []),
  notifySecret: {
    ...key({ env: "AGENTICORE_NOTIFY_SECRET", yaml: "notify.secret", schema: signingSecrets }, []),
    isSecret: true,
  },
  agentihooksPath: maybe({ env: "AGENTICORE_AGENTIHOOKS_PATH", yaml: "agentihooks_path", schema: text }),
} as const;

type Value<K> = K extends { schema: infer S extends z.ZodType; initial: (at: Surroundings) => infer I }
  ? undefined extends I
    ? z.output<S> | undefined
    : z.output<S>
  : never;
/** The effective configuration. */
export type Config = Readonly<{ [K in keyof typeof configKeys]: Value<(typeof configKeys)[K]> }>;
export type ConfigName = keyof typeof configKeys;
