import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

const checkout = resolve(import.meta.dirname, "../../..");
/** An empty Debian is kept this long: a build takes newer packages than it holds anyway. */
const keptMs = 7 * 24 * 3_600_000;

/** @throws Error that says what is missing: such a test is never passed over in silence. */
export function mustBeAble(): void {
  if (process.getuid?.() !== 0)
    throw new Error("The image is followed step by step in namespaces made as root: run this as root.");
  for (const program of ["debootstrap", "pivot_root", "unshare", "nsenter", "setpriv"])
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0)
      throw new Error(`${program} is missing: run \`node scripts/system-packages.ts image\`.`);
}

/** What `FROM` begins with, as a folder. @throws Error for a base that is not known here. */
export function layOutBase(base: string, root: string): void {
  const [, node, suite] = /^(?:node:(\d+\.\d+\.\d+)-(bookworm)-slim|debian:(?:bookworm-\d{8}-slim))$/.exec(base) ?? [];
  if (!/^(?:node|debian):/.test(base) || (node === undefined && !base.startsWith("debian:bookworm-")))
    throw new Error(`FROM ${base}: only Debian bookworm, and Node on it, can be made here`);
  execFileSync("tar", ["-xf", emptyDebian(suite ?? "bookworm"), "-C", root]);
  if (node !== undefined) addNode(root, node);
}

/** An archive of what debootstrap(8) makes, from the mirror that this machine's apt uses. */
function emptyDebian(suite: string): string {
  const archive = join(checkout, `.cache/image/${suite}.tar`);
  const age = Date.now() - (statSync(archive, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (age < keptMs) return archive;
  const root = `${archive}.${process.pid}`;
  mkdirSync(dirname(archive), { recursive: true });
  try {
    execFileSync("debootstrap", ["--variant=minbase", suite, root, mirror(suite)], { stdio: ["ignore", "ignore", 2] });
    writeFileSync(join(root, "etc/apt/apt.conf.d/00machine"), aptSettings());
    // The machine's own, when a step is run.
    for (const file of ["etc/resolv.conf", "etc/hosts", "run/machine-certificates.pem"])
      writeFileSync(join(root, file), "");
    rmSync(join(root, "var/cache/apt/archives"), { recursive: true });
    execFileSync("tar", ["-cf", `${root}.tar`, "-C", root, "."]);
    renameSync(`${root}.tar`, archive);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return archive;
}

function mirror(suite: string): string {
  const listed = spawnSync("apt-get", ["indextargets", "--format", "$(SITE) $(RELEASE)"], { encoding: "utf8" });
  const line = listed.stdout.split("\n").find((each) => each.endsWith(` ${suite}`));
  return line?.split(" ")[0] ?? "http://deb.debian.org/debian";
}

/** Proxies and checks, as this machine has them. */
const aptSettings = (): string =>
  execFileSync("apt-config", ["dump"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => /^Acquire::(?:https?::Proxy|Check-)/i.test(line))
    .join("\n");

/** What the official image has beside Debian: Node and npm below /usr/local. Node is the lock's, which must be the same. */
function addNode(root: string, version: string): void {
  const node = join(checkout, `node_modules/node-linux-${process.arch}/bin/node`);
  const found = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  if (found !== `v${version}`) throw new Error(`FROM node:${version}, and package-lock.json has ${found}`);
  const npm = resolve(realpathSync(execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim()), "../..");
  if (!existsSync(join(npm, "bin/npm-cli.js"))) throw new Error(`npm was not found beside ${npm}`);
  cpSync(node, join(root, "usr/local/bin/node"));
  cpSync(npm, join(root, "usr/local/lib/node_modules/npm"), { recursive: true, dereference: false });
  for (const name of ["npm", "npx"])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, "usr/local/bin", name));
}
