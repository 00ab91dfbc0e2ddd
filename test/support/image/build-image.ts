import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { layOutBase } from "./debian.ts";
import { parseDockerfile, type Stage, type Step } from "./dockerfile.ts";

const enter = join(import.meta.dirname, "enter.sh");
const plainPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What came of a Dockerfile: a root, and how it is to be run. */
export type Image = Readonly<{
  root: string;
  env: Readonly<Record<string, string>>;
  user: string;
  workdir: string;
  volumes: readonly string[];
  entrypoint: readonly string[];
  cmd: readonly string[];
  health: readonly string[];
  stopSignal: string;
}>;

type Build = Readonly<{
  /** The build context, with its `.dockerignore`. */
  context: string;
  dockerfile: string;
  /** Where the roots of the stages are made. */
  folder: string;
}>;

/** Follows the steps without an engine. @throws Error with the step that failed and what it said. */
export function buildImage({ context, dockerfile, folder }: Build): Image {
  const stages = parseDockerfile(readFileSync(join(context, dockerfile), "utf8"));
  const built = new Map<string, Image>();
  let last: Image | undefined;
  for (const stage of stages) {
    last = buildStage(stage, { context, built, root: join(folder, stage.name) });
    built.set(stage.name, last);
  }
  if (last === undefined) throw new Error("no stage");
  return last;
}

type Making = Readonly<{ context: string; built: ReadonlyMap<string, Image>; root: string }>;

function buildStage({ base, steps }: Stage, making: Making): Image {
  const { root } = making;
  mkdirSync(root, { recursive: true });
  layOutBase(base, root);
  const bare: Image = { root, env: { PATH: plainPath }, user: "0", workdir: "/", ...nothingYet };
  return steps.reduce((image, step) => follow(image, step, making), bare);
}

const nothingYet = { volumes: [], entrypoint: [], cmd: [], health: [], stopSignal: "SIGTERM" };

function follow(image: Image, step: Step, making: Making): Image {
  switch (step.do) {
    case "run":
      run(image, step.command);
      return image;
    case "copy":
      copy(image, step, making);
      return image;
    case "env":
      return { ...image, env: { ...image.env, ...step.variables } };
    case "workdir":
      mkdirSync(join(image.root, step.path), { recursive: true });
      return { ...image, workdir: step.path };
    case "user":
      return { ...image, user: step.user };
    case "volume":
      return { ...image, volumes: [...image.volumes, ...step.paths] };
    case "entrypoint":
      return { ...image, entrypoint: step.words, cmd: [] };
    case "cmd":
      return { ...image, cmd: step.words };
    case "healthcheck":
      return { ...image, health: step.words };
    case "stopsignal":
      return { ...image, stopSignal: step.signal };
    case "label":
      return image;
    default:
      return step satisfies never;
  }
}

function run({ root, env, workdir, user }: Image, command: string): void {
  if (user !== "0") throw new Error(`RUN as ${user} is not followed here`);
  const { binds, variables } = machine();
  const ended = spawnSync(
    "unshare",
    [
      ...["--mount", "--pid", "--fork", "--kill-child", "sh", enter, "rw", root, ...binds, "--"],
      ...[
        "env",
        "-i",
        `--chdir=${workdir}`,
        ...assignments({ HOME: "/root", ...variables, ...env }),
        "/bin/sh",
        "-c",
        command,
      ],
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 * 1024 * 1024 },
  );
  if (ended.status !== 0)
    throw new Error(`RUN ${command}\nended with ${ended.status}:\n${ended.stdout}${ended.stderr}`);
}

export const assignments = (variables: Readonly<Record<string, string>>): string[] =>
  Object.entries(variables).map((pair) => pair.join("="));

/** How a build reaches the network from this machine, as an engine gives it: names, proxies, certificates, npm's cache. */
function machine(): { binds: string[]; variables: Record<string, string> } {
  const { env } = process;
  const certificates = [env["NODE_EXTRA_CA_CERTS"], env["SSL_CERT_FILE"]].find((path) => path && existsSync(path));
  const npm = (key: string) =>
    execFileSync("npm", ["config", "get", key], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const cache = npm("cache");
  mkdirSync(cache, { recursive: true });
  const proxies = Object.entries(env).filter(([name, value]) => /^(?:https?|no)_proxy$/i.test(name) && value);
  return {
    binds: [
      "/etc/resolv.conf:/etc/resolv.conf",
      "/etc/hosts:/etc/hosts",
      `${cache}:/mnt`,
      ...(certificates === undefined ? [] : [`${certificates}:/run/machine-certificates.pem`]),
    ],
    variables: {
      ...Object.fromEntries(proxies.map(([name, value]) => [name, value ?? ""])),
      npm_config_registry: npm("registry"),
      npm_config_cache: "/mnt",
      npm_config_prefer_offline: "true",
      ...(certificates === undefined ? {} : { NODE_EXTRA_CA_CERTS: "/run/machine-certificates.pem" }),
    },
  };
}

type Copy = Extract<Step, Readonly<{ do: "copy" }>>;

function copy({ root, workdir }: Image, { from, sources, to }: Copy, { context, built }: Making): void {
  const stage = from === undefined ? undefined : built.get(from);
  if (from !== undefined && stage === undefined) throw new Error(`COPY --from=${from}: there is no such stage`);
  const allowed = stage ? () => true : allowedBy(readFileSync(join(context, ".dockerignore"), "utf8"));
  const target = join(root, resolve(workdir, to));
  const intoFolder = to.endsWith("/") || sources.length > 1;
  for (const source of sources) {
    if (!allowed(source)) throw new Error(`COPY ${source}: .dockerignore leaves it out`);
    const path = join(stage?.root ?? context, source);
    const isFolder = statSync(path).isDirectory();
    mkdirSync(isFolder || intoFolder ? target : resolve(target, ".."), { recursive: true });
    // A folder's contents are copied, not the folder.
    const what = isFolder ? `${path}/.` : path;
    execFileSync("cp", [
      "-a",
      "--no-preserve=ownership",
      what,
      intoFolder && !isFolder ? join(target, basename(path)) : target,
    ]);
  }
}

/** What may be copied of a context. @throws Error for a pattern other than `*` and `!name`. */
export function allowedBy(dockerignore: string): (path: string) => boolean {
  const [first, ...rest] = dockerignore.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const names = rest.map((line) => /^!([\w.-]+)$/.exec(line)?.[1]);
  if (first !== "*" || names.includes(undefined))
    throw new Error(".dockerignore must leave out all, and name what comes in");
  return (path) => names.includes(path.split("/")[0]);
}
