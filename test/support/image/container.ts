import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { assignments, type Image } from "./build-image.ts";

const enter = join(import.meta.dirname, "enter.sh");

type Run = Readonly<{
  args?: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Holds the volumes, a folder each; containers with the same one share them. */
  volumes: string;
  /** Further folders of the machine, as `HOST:PATH` with a PATH that is there in the image. */
  binds?: readonly string[];
}>;
type Ended = Readonly<{ code: number | null; stdout: string; stderr: string }>;

/** A running image: a root that is read-only, volumes, namespaces and PID 1 of its own, the machine's network. */
export type Container = Readonly<{
  /** Of its PID 1, as the machine sees it. */
  pid: number;
  said: () => string;
  /** The exit code, once it has ended. */
  gone: Promise<number | null>;
  /** As `docker stop` begins: the image's stop signal to PID 1. */
  stop: () => void;
  /** As `docker exec`, as the same user unless `user` says otherwise. */
  exec: (command: readonly string[], user?: string) => Ended;
  /** Its processes as the machine sees them. */
  processes: () => readonly Readonly<{ pid: number; state: string; uid: number; command: string }>[];
}> &
  AsyncDisposable;

export async function startContainer(
  image: Image,
  { args = image.cmd, env, volumes, binds = [] }: Run,
): Promise<Container> {
  const { root, user, workdir, entrypoint } = image;
  const own = image.volumes.map((path) => `${volumeFor(image, volumes, path)}:${path}`);
  const machineBinds = ["/etc/resolv.conf:/etc/resolv.conf", "/etc/hosts:/etc/hosts"];
  const asUser = (who: string, command: readonly string[]) => [
    ...[
      "setpriv",
      `--reuid=${who.split(":")[0]}`,
      `--regid=${who.split(":")[1] ?? "0"}`,
      "--clear-groups",
      "--inh-caps=-all",
    ],
    ...["env", "-i", `--chdir=${workdir}`, ...assignments({ ...image.env, ...env }), ...command],
  ];
  const child = spawn(
    "unshare",
    [
      ...[
        "--mount",
        "--pid",
        "--ipc",
        "--fork",
        "--kill-child",
        "sh",
        enter,
        "ro",
        root,
        ...machineBinds,
        ...own,
        ...binds,
        "--",
      ],
      ...asUser(user, [...entrypoint, ...args]),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
  const gone = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const pid = await eventually(() => childOf(child.pid ?? 0), { what: () => `the container is up; it said ${said}` });
  return {
    pid,
    gone,
    said: () => said,
    stop: () => void process.kill(pid, image.stopSignal as NodeJS.Signals),
    exec: (command, who = user) => {
      const inside = ["--target", String(pid), "--mount", "--pid", "--ipc", "--root", ...asUser(who, command)];
      const { status, stdout, stderr } = spawnSync("nsenter", inside, { encoding: "utf8", timeout: 30_000 });
      return { code: status, stdout, stderr };
    },
    processes: () => processesIn(pid),
    [Symbol.asyncDispose]: async () => {
      // PID 1, and all others with it; its parent-death signal went with the change of user (prctl(2)).
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, "SIGKILL");
      await gone;
    },
  };
}

/** A new volume begins with what the image has there, its owner and mode. */
function volumeFor({ root }: Image, folder: string, path: string): string {
  const volume = join(folder, path.replaceAll("/", "_"));
  const there = statSync(volume, { throwIfNoEntry: false });
  if (there) return volume;
  const { uid, gid, mode } = statSync(join(root, path));
  mkdirSync(volume, { recursive: true });
  execFileSync("cp", ["-a", `${join(root, path)}/.`, volume]);
  chownSync(volume, uid, gid);
  execFileSync("chmod", [(mode & 0o7777).toString(8), volume]);
  return volume;
}

function childOf(pid: number): number | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim();
  return children === "" ? undefined : Number(children.split(" ")[0]);
}

/** All processes of the PID namespace of this one. */
function processesIn(pid: number): ReturnType<Container["processes"]> {
  const namespace = (of: number | string) => {
    try {
      return statSync(`/proc/${of}/ns/pid`).ino;
    } catch {
      return undefined;
    }
  };
  const own = namespace(pid);
  const below = (parent: number): number[] => {
    const children = read(`/proc/${parent}/task/${parent}/children`).trim().split(" ").filter(Boolean).map(Number);
    return children.flatMap((child) => [child, ...below(child)]);
  };
  const all =
    own === undefined ? [] : readdirSync("/proc").filter((name) => /^\d+$/.test(name) && namespace(name) === own);
  return [...new Set([...all.map(Number), ...below(pid)])].map((each) => {
    const status = read(`/proc/${each}/status`);
    return {
      pid: each,
      state: /^State:\s+(\S)/m.exec(status)?.[1] ?? "",
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1),
      command: read(`/proc/${each}/cmdline`).replaceAll("\0", " ").trim(),
    };
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
