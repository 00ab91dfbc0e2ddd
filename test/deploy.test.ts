import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { commandTable } from "../cli/command-table.ts";
import { resolveConfig } from "../shared/config.ts";
import { configKeys } from "../shared/config-keys.ts";

type Service = Readonly<{
  image: string;
  command: readonly string[];
  environment?: Readonly<Record<string, string>>;
  build?: unknown;
  depends_on?: unknown;
  volumes?: readonly string[];
  read_only?: boolean;
  healthcheck?: Readonly<{ test: readonly string[] }>;
}>;
const read = (file: string) => readFileSync(join(import.meta.dirname, "../deploy", file), "utf8");
const compose = parse(read("compose.yaml"), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

/** As compose(1) puts variables in: each is set, to a text that no other has. */
const filledIn = ({ environment = {} }: Service): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{(\w+)[^}]*\}/g, (_, variable: string) => `value-of-${variable}-long-enough`),
    ]),
  );

test("the compose file has Redis, the bridge, the API and a runner", () => {
  expect(services.map(([name]) => name)).toEqual(["redis", "redis-http", "api", "runner"]);
  expect(ours.map(([name]) => name)).toEqual(["redis-http", "api", "runner"]);
  expect(new Set(ours.map(([, { image }]) => image)).size).toBe(1);
});

test.each(ours)("%s runs a command that exists, with options that it takes", async (_, { command }) => {
  const [name = "", ...args] = command;
  const row = commandTable[name];
  expect(row, name).toBeDefined();
  const { takes } = (await row?.load()) ?? {};
  const parsed = takes?.(new Command(name).exitOverride()).parse(args, { from: "user" });
  expect(parsed?.args).toEqual([]);
});

test.each(ours)("the configuration of %s is valid", (_, service) => {
  const env = filledIn(service);
  const known = Object.values(configKeys).flatMap((key): readonly string[] => key.env);
  const foreign = ["CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"];
  expect(Object.keys(env).filter((name) => !known.includes(name) && !foreign.includes(name))).toEqual([]);
  const { config } = resolveConfig({ env, at: { home: "/home/agenticore", hostName: "box", kubernetes: false } });
  // A service by the name of that file can be reached.
  expect(Object.keys(compose.services)).toContain(new URL(config.redisUrl ?? "").hostname);
});

test("the runner's token opens exactly the keys of the store", () => {
  const config = (name: string) =>
    resolveConfig({
      env: filledIn(compose.services[name] ?? { image: "", command: [] }),
      at: { home: "/home/agenticore", hostName: "box", kubernetes: false },
    }).config;
  const [token] = config("redis-http").redisHttpTokens;
  const runner = config("runner");
  expect(token?.reveal()).toBe(runner.redisToken?.reveal());
  expect(token?.rights).toEqual({ kind: "scope", prefix: `${runner.redisKeyPrefix}:` });
});

test("each variable that is to be filled in is named in the example", () => {
  const named = [...read(".env.example").matchAll(/^(\w+)=/gm)].map(([, name]) => name);
  const used = [...read("compose.yaml").matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
  expect([...new Set(used)].sort()).toEqual([...named].sort());
});

test("ours write to volumes alone, and none is judged by the health check of another's", () => {
  const image = readFileSync(join(import.meta.dirname, "../runner.Dockerfile"), "utf8");
  const places = JSON.parse(/^VOLUME (.*)$/m.exec(image)?.[1] ?? "[]") as string[];
  for (const [name, { read_only, volumes = [], healthcheck, environment = {} }] of ours) {
    expect(read_only, name).toBe(true);
    for (const volume of volumes) {
      const [source = "", place = ""] = volume.split(":");
      expect(Object.keys(compose.volumes)).toContain(source);
      expect(places).toContain(place);
    }
    // The image's own asks for a runner.
    if (name === "runner") expect(healthcheck).toBeUndefined();
    else {
      const port = environment["AGENTICORE_PORT"] ?? environment["AGENTICORE_REDIS_HTTP_PORT"];
      expect(healthcheck?.test.join(" "), name).toContain(`127.0.0.1:${port}/health`);
    }
  }
});
