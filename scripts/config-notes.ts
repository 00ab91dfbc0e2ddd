import type { ConfigName } from "../shared/config-keys.ts";

/** What each key is for, in one sentence; the reference document is made of them. */
export const configNotes: Readonly<Record<ConfigName, string>> = {
  host: "Address to listen on. Anything but loopback needs API keys.",
  port: "Port to listen on, 0 to 65535; 0 takes a free one.",
  transport: "`http`, or `stdio` for MCP over standard input; `sse` is read as `http`.",
  apiKeys:
    "Keys that callers must send. Each is a tenant of its own, sees its own jobs only, and has all scopes but `runner`.",
  ratePerMinute:
    "How many requests a key or token may make in a minute, over all servers of one store; 0 does not limit. A key's own `--rate` goes before it. See [auth.md](../auth.md).",
  addressHeader:
    "Which header a proxy in front of the server writes the client's address into, as `X-Forwarded-For`; its last word counts. Only where every request comes through that proxy: who may write it may be anybody.",
  requireKeys:
    "`true`: callers must send a key also where the line above has none. Good ones are those of `agenticore keys create`; see [auth.md](../auth.md).",
  oauthIssuers:
    "Authorization servers whose access tokens are taken beside API keys: their issuer identifiers, to the letter. See [auth.md](../auth.md).",
  oauthResource: "Public address of this server, as `https://agents.example/mcp`: the audience that tokens must have.",
  oauthScopes:
    "Which scopes a token's scopes stand for: `write=submit+cancel,view=read`; in YAML also a map. Without it our own names count.",
  allowUnauthenticated:
    "`true` serves other than loopback addresses without keys: whoever reaches the port can run code.",
  corsOrigins: "Origins of web pages elsewhere that may call the API.",
  clientUrl:
    "The server that the CLI talks to; without it, host and port of this configuration. Without `redis.url` also the one whose store `agenticore runner` works with.",
  clientApiKey:
    "The key that the CLI and such a runner (scope `runner`) send; without it and without a client URL, the first of `server.api_keys`.",
  claudeBinary: "The Claude Code program: a name that is looked up in PATH, or a path.",
  claudeTimeout: "Time limit of a job in seconds, 1 to 86400, where neither job nor profile has one.",
  approvalTimeout:
    "Seconds, 1 to 86400, that Claude waits for an answer to a question of a profile with `approvals: ask`; then it is denied. See [approvals.md](../approvals.md).",
  defaultProfile: "Profile of jobs that name none.",
  claudeConfigDir: "Where Claude's login and user settings come from; never a job's own folder.",
  claudeHomeDir:
    "Home folder whose `.claude` holds the login, where `claude.config_dir` is not set. `/shared` in Kubernetes; the shared folder where there is one.",
  claudeEnv: "Names of further variables that reach Claude.",
  trustedRepos: "Globs of repositories whose own hooks, settings and MCP servers may run.",
  claudeCredentials:
    "API keys and tokens of `claude setup-token`, with commas between them. Each job uses the first that no usage limit holds up, and goes on with the next when it meets one. They count instead of ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and CLAUDE_CODE_OAUTH_TOKEN.",
  stallSeconds:
    "Seconds without a word of Claude's, output or CPU time of its tools, after which it is interrupted and told to continue; after as many again the job fails as `stalled`. 0: never.",
  keyBroker:
    "Jobs get a placeholder instead of ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, good for the Messages API while they run; `false` gives Claude, and what it runs, the key itself.",
  sandbox: "`auto` uses namespaces where the system has them; `none` must be asked for.",
  sessionKey:
    "32 bytes as base64 or hex (`openssl rand -base64 32`), the same for all runners and known to nobody else: conversations in Redis are encrypted with it. Without it they are there as they are, and with a Redis over HTTP they stay on the box.",
  dataDir: "State of this machine: the database, run files, sessions.",
  gitName: "Author of commits; without it, the local repository's identity, else `Agenticore`.",
  gitEmail: "Address of that author.",
  queueTtl: "Seconds that a job may wait in the queue before it expires.",
  maxAttempts: "Starts that a job may lose to crashes before it fails, 1 to 10.",
  repoLimit: "Jobs of one repository that may run at once, over all runners.",
  poolLimits:
    "Jobs of a pool that may run at once, over all runners: `big=2,default=10`; in YAML also a map. A pool that is not named has no limit. All processes of one store must be given the same.",
  leaseSeconds: "Seconds that a runner owns a job without a sign of life.",
  renewSeconds: "Seconds between signs of life; a twelfth of the lease where it is not set.",
  pools: "Pools whose jobs this runner takes.",
  retentionFailed: "Seconds that the tree of a failed job is kept.",
  retentionWorktrees:
    "Seconds that a prepared worktree is kept which nobody uses; one with work that was not pushed stays.",
  checkpointSeconds:
    "Seconds after which the state of a worktree in which Claude works is kept even if no tool ends, and between two that the repository gets.",
  diskLowWater: "Free space, as `5%`, `500M` or `10G`, below which no job is taken.",
  logLevel: "`debug`, `info`, `warn` or `error`.",
  routerRules:
    "Rules that choose the profile of jobs that name none; JSON in the variable. See [routing.md](../routing.md).",
  aiRouting:
    "Whether a model chooses the profile of jobs that name none and fit no rule. Needs ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN.",
  aiRoutingModel: "The model that chooses.",
  reposRoot: "Folder of the clone caches; `repos` in the shared folder where there is one.",
  worktreeRoot:
    "Folder of the worktrees, best on a disk of this machine. `/app/worktrees` in Kubernetes. In the shared folder another machine can continue a lost job where it was.",
  sharedFsRoot:
    "Folder on a file system that several runners share; `agenticore init-shared-fs` makes it ready. Clone caches, job files, conversations and the login are below it by default. With Redis the runners of several machines are kept apart.",
  jobsDir: "Folder of the JSON copy of each job; `jobs` in the shared folder where there is one.",
  podName: "Name of this runner, as people see it.",
  maxParallelJobs: "Jobs that this runner works on at once; more wait in the queue.",
  jobTtl: "Seconds that an ended job is kept.",
  allowedRepos:
    "Globs of repositories that jobs may name. Without it: https, ssh and `git@` addresses outside private networks, and local folders where one person uses it alone.",
  budgetTotal: "US dollars that all jobs may cost in a day (UTC). See [budgets.md](../budgets.md).",
  budgetPerKey: "US dollars that the jobs of one API key may cost in a day.",
  budgetPerRepo: "US dollars that the jobs on one repository may cost in a day.",
  budgetPerJob: "US dollars that one job may name as its budget, and gets where it names none.",
  redisUrl: "`redis://` or `rediss://` for TCP, `https://` or `http://` for REST; without it, SQLite.",
  redisToken: "Token of the REST address.",
  redisKeyPrefix: "Beginning of every key.",
  redisHttpHost: "Address that `agenticore redis-http` listens on. Anything but loopback needs tokens.",
  redisHttpPort: "Port of `agenticore redis-http`; 0 takes a free one.",
  redisHttpTokens:
    "Tokens of `agenticore redis-http`, each `name:rights:secret`. Rights: `full`; `read`, or `read=<prefix>`; `scope=<prefix>` for keys and channels that begin so; `acl` for the ACL user of Redis with that name, whose password is the secret. Secrets: 16 or more characters, no colon.",
  redisHttpMaxRequests: "Requests that `agenticore redis-http` works on at once; what is over it is answered with 429.",
  redisHttpMaxSubscriptions: "Subscriptions that `agenticore redis-http` holds at once.",
  otelEnabled:
    "Whether Claude's metrics, logs and traces are sent on; `true` where an endpoint is set. See [telemetry.md](../telemetry.md).",
  otelEndpoint: "Address of the OTLP collector; `/v1/traces` and so on are put behind it.",
  otelProtocol: "How the collector is spoken to: `http/protobuf`, `grpc` or `http/json`.",
  otelHeaders: "Headers for the collector, as `name=value,name=value`; values may be percent-encoded.",
  otelLogPrompts: "Whether prompts are part of what is sent to the collector.",
  otelLogToolDetails: "Whether names of commands, files and tools are part of what is sent to the collector.",
  langfuseHost:
    "Address of Langfuse, which is told of jobs where both keys are set. See [telemetry.md](../telemetry.md).",
  langfusePublicKey: "Public key of the Langfuse project.",
  langfuseSecretKey: "Secret key of the Langfuse project.",
  postgresUrl: "Database that traces are written to.",
  githubToken:
    "Token for fetch, push and pull requests: Contents and Pull requests, read and write, or the classic scope `repo`. See [github.md](../github.md).",
  githubAppId:
    "GitHub App: its tokens are for one repository and an hour. Where it is not installed, the token above is used.",
  githubAppInstallationId: "Installation of the App; default: looked up for each repository.",
  githubAppPrivateKey: "Private key of the App: PEM, its line feeds perhaps written as `\\n`, or base64 of it.",
  githubAppPrivateKeyPath: "File that holds that key.",
  githubWebhookSecret: "Secret that signs webhooks.",
  githubApiUrl: "Address of GitHub's API; its host is GitHub too.",
  notifyAllowed:
    "Hosts that jobs may name as `notify_url`: globs (`*.example.com`), addresses, networks as `10.0.0.0/8`; each perhaps with a port. Without it none. See [notify.md](../notify.md).",
  notifySecret:
    "Secrets that notifications are signed with, `whsec_` and base64 as in Standard Webhooks; several while one takes the place of another. A process without one sends none.",
  agentihooksPath: "Folder whose `profiles/` is searched for profiles.",
};
