import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

/** Who may import whom, by folder. */
const allowed: Record<string, readonly string[]> = {
  shared: ["shared"],
  "shared/store": ["shared", "shared/store"],
  api: ["api", "shared"],
  runner: ["runner", "shared"],
  cli: ["cli", "runner", "shared"],
};
/** Entry points join what the rest keeps apart. A new line here is a design decision. */
const entries: Record<string, readonly string[]> = {
  "api/server.node.ts": ["shared/store"],
  "api/worker.ts": ["shared/store"],
  "runner/main.ts": ["shared/store"],
  "cli/commands/serve.ts": ["api"],
  "cli/open-store.ts": ["shared/store"],
  "cli/redis-wire.ts": ["shared/store"],
  "cli/doctor/redis.ts": ["shared/store"],
};
const files = globSync("{shared,api,runner,cli}/**/*.ts");
const importsOf = (file: string) =>
  [
    ...readFileSync(file, "utf8").matchAll(
      /^(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/gm,
    ),
  ].map(([, fixed, lazy]) => (fixed ?? lazy) as string);
const layerOf = (file: string) =>
  Object.keys(allowed)
    .filter((layer) => file.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0] ?? "outside";
const local = (file: string) =>
  importsOf(file)
    .filter((target) => target.startsWith("."))
    .map((target) => join(dirname(file), target));

test("there is something to check", () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap(local).length).toBeGreaterThan(20);
});

test("every import points the allowed way", () => {
  const stray = files.flatMap((file) =>
    local(file)
      .filter((target) => ![...(allowed[layerOf(file)] ?? []), ...(entries[file] ?? [])].includes(layerOf(target)))
      .map((target) => `${file} -> ${target}`),
  );
  expect(stray).toEqual([]);
});

test("no import goes round in a circle", () => {
  const done = new Set<string>();
  const circles = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [[...path.slice(path.indexOf(file)), file].join(" -> ")];
    if (done.has(file)) return [];
    const found = local(file).flatMap((target) => circles(target, [...path, file]));
    done.add(file);
    return found;
  };
  expect([...new Set(files.flatMap((file) => circles(file, [])))]).toEqual([]);
});

test.each(["api/worker.ts", "shared/client.ts"])(
  "%s, which runs where there is no Node, reaches no Node built-in",
  (entry) => {
    const seen = new Set<string>();
    const reach = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      local(file).forEach(reach);
    };

    reach(entry);
    expect(seen.size).toBeGreaterThan(10);
    expect(
      [...seen].flatMap((file) =>
        importsOf(file)
          .filter((target) => target.startsWith("node:"))
          .map((target) => `${file} -> ${target}`),
      ),
    ).toEqual([]);
  },
);

test("the typed client needs no package but Zod", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const reach = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const target of importsOf(file)) if (!target.startsWith(".")) packages.add(target);
    local(file).forEach(reach);
  };

  reach("shared/client.ts");
  expect([...packages]).toEqual(["zod"]);
});

test("a file outside runner/ and cli/ that uses Node says so in its name", () => {
  const silent = files.filter(
    (file) =>
      /^(shared|api)\//.test(file) &&
      !file.endsWith(".node.ts") &&
      importsOf(file).some((target) => target.startsWith("node:")),
  );
  expect(silent).toEqual([]);
});

test("no source file is longer than 250 lines", () => {
  const long = files.filter((file) => readFileSync(file, "utf8").split("\n").length > 251);
  expect(long).toEqual([]);
});
