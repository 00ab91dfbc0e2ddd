import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Compiles for publishing (`prepack`) and clears up after it (`--restore`, `postpack`). Node does not strip types
 * below node_modules, so the package carries JavaScript; a checkout runs its sources and has no `dist`.
 */
const root = join(import.meta.dirname, "..");
const manifest = join(root, "package.json");
const keptManifest = join(root, ".cache/package.json");
const dist = join(root, "dist");

if (process.argv.includes("--restore")) restore();
else build();

function build(): void {
  // Beside, then renamed: `bin/agenticore.js` takes `dist` as soon as it is there.
  const staging = `${dist}.${process.pid}`;
  const compile = (project: string) =>
    execFileSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", project, "--outDir", staging],
      { cwd: root, stdio: ["ignore", 2, 2] },
    );
  compile("tsconfig.build.json");
  // The types of `agenticore/client`; without those of Node, which it must not need.
  compile("tsconfig.client.json");
  // What the code finds relative to itself.
  for (const asset of globSync("{api,runner,shared,cli}/**/*.{sh,sql,lua,html,css}", {
    cwd: root,
    withFileTypes: true,
  })) {
    if (!asset.isFile()) continue;
    const from = join(asset.parentPath, asset.name);
    const to = join(staging, from.slice(root.length));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
  rmSync(dist, { recursive: true, force: true });
  renameSync(staging, dist);
  publishedManifest();
}

/** The Node that a checkout brings along (200 MB) is no dependency of the published package, which asks for one. */
function publishedManifest(): void {
  const text = readFileSync(manifest, "utf8");
  const { optionalDependencies, ...rest } = JSON.parse(text);
  const others = Object.entries(optionalDependencies ?? {}).filter(([name]) => !name.startsWith("node-linux-"));
  mkdirSync(dirname(keptManifest), { recursive: true });
  if (!existsSync(keptManifest)) write(keptManifest, text);
  const published = {
    ...rest,
    engines: { node: ">=24" },
    ...(others.length > 0 ? { optionalDependencies: Object.fromEntries(others) } : {}),
  };
  write(manifest, `${JSON.stringify(published, undefined, 2)}\n`);
}

function restore(): void {
  rmSync(dist, { recursive: true, force: true });
  if (existsSync(keptManifest)) renameSync(keptManifest, manifest);
}

/** Never half there: `bin/agenticore.js` reads the manifest. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
