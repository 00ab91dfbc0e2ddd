import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Origins, resolveConfig, type Sources } from "./config.ts";
import type { Config, ConfigName } from "./config-keys.ts";
import { AppError } from "./error.ts";

export type Place = Readonly<{
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  hostName: string;
  /** Where relative paths begin. */
  cwd: string;
}>;
export type Loaded = Readonly<{ config: Config; origins: Origins; file: string }>;

/** Keys that name a place on the disk: `~/` is the home folder, what is relative becomes absolute, and no `/` stays at the end. */
const pathKeys = [
  "claudeConfigDir",
  "claudeHomeDir",
  "dataDir",
  "reposRoot",
  "worktreeRoot",
  "sharedFsRoot",
  "jobsDir",
  "githubAppPrivateKeyPath",
  "agentihooksPath",
] as const satisfies readonly ConfigName[];

/**
 * The configuration of this machine: environment, then `AGENTICORE_CONFIG` or `~/.agenticore/config.yml`, then defaults.
 * @throws AppError `invalid_request` that names the wrong key and its source, or the line where the file is not YAML.
 */
export async function loadConfig(place: Place): Promise<Loaded> {
  const { env, home, hostName } = place;
  const named = env["AGENTICORE_CONFIG"]?.trim();
  const file = named ? absolute(named, place) : resolve(home, ".agenticore/config.yml");
  const content = await readYaml(file, named !== undefined && named !== "");
  const sources: Sources = {
    env,
    ...(content === undefined ? {} : { file: { name: file, content } }),
    // Kubernetes sets this variable in every container: https://kubernetes.io/docs/concepts/services-networking/service/
    at: { home, hostName, kubernetes: env["KUBERNETES_SERVICE_HOST"] !== undefined },
  };
  const { config, origins } = resolveConfig(sources);
  const paths = pathKeys.flatMap((name) => {
    const value = config[name];
    return value === undefined ? [] : [[name, absolute(value, place)] as const];
  });
  return { config: { ...config, ...Object.fromEntries(paths) }, origins, file };
}

function absolute(path: string, { home, cwd }: Place): string {
  if (path === "~" || path.startsWith("~/")) return resolve(home, path.slice(2));
  return resolve(cwd, path);
}

/** Undefined where there is no file, which only a file that was asked for may not be. */
async function readYaml(file: string, asked: boolean): Promise<unknown> {
  const text = readIfThere(file, asked);
  if (text === undefined) return undefined;
  // Loaded here: most machines have no such file, and every command reads the configuration.
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem) throw unreadable(file, `is not YAML: ${problem.message}`);
  return document.toJS() ?? {};
}

function readIfThere(file: string, asked: boolean): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (missing && !asked) return undefined;
    throw unreadable(file, missing ? "does not exist" : `cannot be read: ${(error as Error).message}`);
  }
}

const unreadable = (file: string, why: string) =>
  new AppError("invalid_request", `The configuration file ${file} ${why}`, {
    remedy: "Mend the file, or name another one in AGENTICORE_CONFIG.",
  });
