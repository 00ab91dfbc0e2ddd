import type { Config } from "../../shared/config-keys.ts";
import { ownPath } from "./search-path.ts";
import { usageHeader } from "./usage.ts";

export type Variables = Readonly<Record<string, string>>;
type Surroundings = Readonly<Record<string, string | undefined>>;

export type EnvironmentFacts = Readonly<{
  /** The runner's own environment; only what is named below leaves it. */
  surroundings: Surroundings;
  /** Folder of our own package: its entries are taken out of PATH. */
  packageRoot: string;
  config: Pick<Config, "claudeEnv" | "claudeHomeDir">;
  profileEnv: Variables;
  /** A token for `gh`, where the profile asks for it. */
  gh?: Variables;
  jobId: string;
  configDir: string;
  tmpDir: string;
  /** Where the login is kept, if in a file: see `storageOf`. */
  loginDir?: string;
  identity: Readonly<{ name: string; email: string }>;
  /** A gitignore(5) file of ours: what was put into the worktree and is not the job's work. */
  excludesFile?: string;
  /** Instead of the model's key and address, from the key broker; undefined takes a variable away. */
  standIn?: Readonly<Record<string, string | undefined>>;
  /** Where Claude's own log events go, from which cost and usage of a running job are read. */
  usage?: Readonly<{ url: string; token: string }>;
  /** What else is told there, where telemetry is on. */
  exported?: ExportedTelemetry;
}>;

/** What Claude tells over the events that cost is read from, and how it marks all of it. */
export type ExportedTelemetry = Readonly<{
  prompts: boolean;
  toolDetails: boolean;
  /** On the resource, and on every point, log and span (claude-code: "also copied"). */
  resource: Variables;
  /** The span of ours that Claude's hang under: W3C Trace Context 3.2. */
  traceparent: string;
}>;

/**
 * The complete environment of Claude's process (jobs.md 4): an allow-list, so that no secret of the runner
 * (store, GitHub, but for `gh` where a profile asks for that) reaches what an agent runs. Later groups win: what is passed on, our defaults, the
 * configuration's and the profile's variables, and last what the runner relies on.
 */
export function claudeEnvironment(facts: EnvironmentFacts): Variables {
  const { surroundings, config, profileEnv, packageRoot } = facts;
  return given({
    ...passedOn(surroundings, config.claudeEnv),
    PATH: ownPath(surroundings["PATH"] ?? "", packageRoot),
    ...defaults(surroundings),
    ...named(surroundings, (name) => config.claudeEnv.includes(name)),
    ...facts.gh,
    ...profileEnv,
    ...ours(facts),
    ...(facts.usage ? telemetry(facts.usage, facts.exported) : {}),
    ...facts.standIn,
    ...loopbackUnproxied({ ...surroundings, ...profileEnv }),
  });
}

/** For a command of a set-up: as Claude's tools would have it, without anything that pays for a model or proves who Claude is. */
export function toolEnvironment(
  facts: Pick<EnvironmentFacts, "surroundings" | "packageRoot" | "profileEnv" | "jobId" | "tmpDir">,
): Variables {
  const { surroundings, profileEnv, packageRoot, jobId, tmpDir } = facts;
  const own = Object.entries(profileEnv).filter(([name]) => !withheld.some((pattern) => pattern.test(name)));
  return {
    ...named(surroundings, (name) => [always, proxies, authorities].some((pattern) => pattern.test(name))),
    PATH: ownPath(surroundings["PATH"] ?? "", packageRoot),
    ...Object.fromEntries(own),
    TMPDIR: tmpDir,
    AGENTICORE_JOB_ID: jobId,
  };
}

const given = (variables: Surroundings): Variables =>
  Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined));

const always = /^(HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|IS_SANDBOX|API_TIMEOUT_MS|BASH_(DEFAULT|MAX)_TIMEOUT_MS)$/;
const proxies = /^((HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy)$/;
const authorities =
  /^(NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|CLAUDE_CODE_(CERT_STORE|CLIENT_(CERT|KEY)|CLIENT_KEY_PASSPHRASE))$/;
const model =
  /^(ANTHROPIC_[A-Z0-9_]+|CLAUDE_CODE_OAUTH_TOKEN|CLAUDE_CODE_(USE|SKIP)_[A-Z_]+|CLAUDE_CODE_MAX_(RETRIES|OUTPUT_TOKENS)|DISABLE_PROMPT_CACHING[A-Z_]*)$/;
/** A cloud's credentials go to Claude only where it is told to reach the model through that cloud. */
const clouds = [
  { flag: "CLAUDE_CODE_USE_BEDROCK", names: /^AWS_[A-Z0-9_]+$/ },
  {
    flag: "CLAUDE_CODE_USE_VERTEX",
    names: /^(CLOUD_ML_REGION|VERTEX_[A-Z0-9_]+|GOOGLE_[A-Z0-9_]+|GCLOUD_PROJECT|CLOUDSDK_[A-Z_]+)$/,
  },
] as const;

const withheld = [model, ...clouds.map(({ names }) => names)];

function passedOn(surroundings: Surroundings, extra: readonly string[]): Variables {
  const cloud = clouds.filter(({ flag }) => isOn(surroundings[flag])).map(({ names }) => names);
  const patterns = [always, proxies, authorities, model, ...cloud];
  return named(surroundings, (name) => patterns.some((pattern) => pattern.test(name)) || extra.includes(name));
}

const isOn = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? "");

/** Empty values are unset: an empty key would otherwise win over a login. */
const named = (surroundings: Surroundings, wanted: (name: string) => boolean): Variables =>
  Object.fromEntries(
    Object.entries(surroundings).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "" && wanted(entry[0]),
    ),
  );

/** A profile may choose otherwise. Three retries are about 4 s: the queue waits better than a held slot. */
const defaults = (surroundings: Surroundings): Variables => ({
  CLAUDE_CODE_MAX_RETRIES: surroundings["CLAUDE_CODE_MAX_RETRIES"] || "3",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  CLAUDE_CODE_DISABLE_AUTO_MEMORY: "1",
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "1",
});

const ours = ({ config, jobId, configDir, tmpDir, loginDir, identity, excludesFile }: EnvironmentFacts): Variables => ({
  TMPDIR: tmpDir,
  CLAUDE_CONFIG_DIR: configDir,
  ...(loginDir === undefined ? {} : { CLAUDE_SECURESTORAGE_CONFIG_DIR: loginDir }),
  CLAUDE_CODE_HOME_DIR: config.claudeHomeDir,
  GIT_AUTHOR_NAME: identity.name,
  GIT_AUTHOR_EMAIL: identity.email,
  GIT_COMMITTER_NAME: identity.name,
  GIT_COMMITTER_EMAIL: identity.email,
  // Nobody is there to type a passphrase (git-config(1), GIT_CONFIG_COUNT).
  GIT_CONFIG_COUNT: excludesFile === undefined ? "1" : "2",
  GIT_CONFIG_KEY_0: "commit.gpgsign",
  GIT_CONFIG_VALUE_0: "false",
  ...(excludesFile === undefined ? {} : { GIT_CONFIG_KEY_1: "core.excludesFile", GIT_CONFIG_VALUE_1: excludesFile }),
  AGENTICORE_JOB_ID: jobId,
});

/** Where Claude reaches the runner itself: its receiver, and the key broker where there is one. */
export const loopbackVariables = ["ANTHROPIC_BASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"] as const;

/** The token has no character that would need percent-encoding, which Claude Code does not undo (measured). */
const telemetry = (
  { url, token }: Readonly<{ url: string; token: string }>,
  exported: ExportedTelemetry | undefined,
): Variables => ({
  CLAUDE_CODE_ENABLE_TELEMETRY: "1",
  OTEL_LOGS_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "none",
  OTEL_TRACES_EXPORTER: "none",
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_HEADERS: `${usageHeader}=${token}`,
  OTEL_LOGS_EXPORT_INTERVAL: "1000",
  CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS: "1000",
  CLAUDE_CODE_OTEL_FLUSH_TIMEOUT_MS: "1000",
  ...(exported ? exporting(exported) : {}),
});

/** All of it goes to our receiver, which passes it on: no collector can slow Claude down, nor does the job see its key. */
const exporting = ({ prompts, toolDetails, resource, traceparent }: ExportedTelemetry): Variables => ({
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_TRACES_EXPORTER: "otlp",
  CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: "1",
  OTEL_LOG_USER_PROMPTS: prompts ? "1" : "0",
  OTEL_LOG_TOOL_DETAILS: toolDetails ? "1" : "0",
  OTEL_RESOURCE_ATTRIBUTES: Object.entries(resource)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join(","),
  TRACEPARENT: traceparent,
});

/** Where a proxy is set, loopback must go round it: our receiver and the key broker are there. */
function loopbackUnproxied(surroundings: Surroundings): Variables {
  const proxied = Object.keys(surroundings).some((name) => /^(https?|all)_proxy$/i.test(name) && surroundings[name]);
  if (!proxied) return {};
  const hosts = [surroundings["NO_PROXY"] ?? surroundings["no_proxy"] ?? "", "127.0.0.1", "localhost"];
  const list = hosts.filter((host) => host !== "").join(",");
  return { NO_PROXY: list, no_proxy: list };
}
