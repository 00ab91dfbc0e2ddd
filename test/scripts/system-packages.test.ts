import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { providePackages } from "../../scripts/system/provide-packages.ts";

const redis = { name: "redis-server", program: "redis-server", oldest: 7 };

/** A folder that is all of the PATH; apt-get writes down how it was called. */
function aSystem(programs: Readonly<Record<string, string>>) {
  const dir = mkdtempSync(join(tmpdir(), "ac-system-"));
  const add = ([name, script]: readonly [string, string]) => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(dir, name), 0o755);
  };
  Object.entries(programs).forEach(add);
  const said: string[] = [];
  return {
    dir,
    said,
    means: (isRoot: boolean) => ({ path: `/nowhere:${dir}`, isRoot, say: (line: string) => void said.push(line) }),
    asked: () => readFileSync(join(dir, "asked"), "utf8").trim().split("\n"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

const version = (number: string) => `echo "Redis server v=${number} sha=00000000:0 malloc=jemalloc-5.2.1 bits=64"`;
const apt = `echo "$*" >> "$(cd "\${0%/*}" && pwd)/asked"`;
const aptThatInstalls = (number: string) =>
  `${apt}\nif [ "$1" = install ]; then d="\${0%/*}"; printf '#!/bin/sh\\n%s\\n' '${version(number)}' > "$d/redis-server"; /bin/chmod 755 "$d/redis-server"; fi`;

test("what is there is used, and nothing is asked of apt-get", async () => {
  using system = aSystem({ "redis-server": version("7.0.15"), "apt-get": apt });
  expect(await providePackages([redis], system.means(true))).toBe(true);
  expect(system.said).toEqual([]);
  expect(system.asked).toThrow("ENOENT");
});

test("root gets what is missing installed, without recommendations, from a fresh index", async () => {
  using system = aSystem({ "apt-get": aptThatInstalls("7.2.4") });
  expect(await providePackages([redis], system.means(true))).toBe(true);
  expect(system.asked()).toEqual([
    "update -q",
    "install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 redis-server",
  ]);
});

test("only what is missing is installed", async () => {
  using system = aSystem({ "redis-server": version("7.0.15"), "apt-get": apt });
  const needed = [redis, { name: "bubblewrap", program: "bwrap" }];
  expect(await providePackages(needed, system.means(true))).toBe(false);
  expect(system.asked()[1]).toMatch(/ bubblewrap$/);
  expect(system.said).toContain("Also after installing: bwrap is needed and was not found.");
});

test("who is not root is told the exact line", async () => {
  using system = aSystem({ "apt-get": aptThatInstalls("7.0.15") });
  expect(await providePackages([redis], system.means(false))).toBe(false);
  expect(system.said).toEqual([
    "redis-server 7 or newer is needed and was not found.",
    "Only root may install it. Run as root: apt-get update && apt-get install -y --no-install-recommends redis-server",
  ]);
  expect(system.asked).toThrow("ENOENT");
});

test("a system without apt-get is told what to install", async () => {
  using system = aSystem({});
  expect(await providePackages([redis], system.means(true))).toBe(false);
  expect(system.said.at(-1)).toBe(
    "There is no apt-get here. Install with this system's package manager: redis-server.",
  );
});

test("a version that is too old does not do, before installing and after", async () => {
  using system = aSystem({ "redis-server": version("6.0.16"), "apt-get": aptThatInstalls("6.0.20") });
  expect(await providePackages([redis], system.means(true))).toBe(false);
  expect(system.said[0]).toBe("redis-server 7 or newer is needed, and 6.0.16 was found.");
  expect(system.said.at(-1)).toBe("Also after installing: redis-server 7 or newer is needed, and 6.0.20 was found.");
});

test("a failing apt-get is no success", async () => {
  using system = aSystem({ "apt-get": `${apt}\nexit 100` });
  expect(await providePackages([redis], system.means(true))).toBe(false);
  expect(system.asked()).toEqual(["update -q"]);
  expect(system.said.at(-1)).toContain("apt-get update ended with 100");
});
