import { expect, test } from "vitest";
import { serverEnvironment } from "../../scripts/demo/environment.ts";

const person = {
  PATH: "/usr/bin",
  HOME: "/home/me",
  LANG: "C.UTF-8",
  ANTHROPIC_API_KEY: "mine",
  HTTPS_PROXY: "http://proxy:3128",
  REDIS_URL: "redis://production",
  AGENTICORE_API_KEYS: "k",
  AGENTICORE_DATA_DIR: "/home/me/.agenticore",
  GITHUB_TOKEN: "token",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector",
  GIT_DIR: "/home/me/src/.git",
  NODE_OPTIONS: "--inspect",
};

test("with a scripted model the demo's server gets neither the person's key nor their proxy, store or folders", () => {
  const env = serverEnvironment(person, { home: "/t/home", tmp: "/t/tmp", claude: "/c", model: "http://127.0.0.1:1" });
  expect(env).toEqual({
    PATH: "/usr/bin",
    LANG: "C.UTF-8",
    HOME: "/t/home",
    TMPDIR: "/t/tmp",
    AGENTICORE_PORT: "0",
    AGENTICORE_CLAUDE_BINARY: "/c",
    AGENTICORE_LOG_LEVEL: "warn",
    ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
    ANTHROPIC_API_KEY: "none-is-needed",
  });
});

test("with the real model it gets the person's key, login and proxy, and still not their store, tokens and settings", () => {
  const env = serverEnvironment(person, { home: "/t/home", tmp: "/t/tmp", claude: "/c", model: undefined });
  expect(env).toEqual({
    PATH: "/usr/bin",
    LANG: "C.UTF-8",
    HOME: "/t/home",
    TMPDIR: "/t/tmp",
    CLAUDE_CODE_HOME_DIR: "/home/me",
    ANTHROPIC_API_KEY: "mine",
    HTTPS_PROXY: "http://proxy:3128",
    AGENTICORE_PORT: "0",
    AGENTICORE_CLAUDE_BINARY: "/c",
    AGENTICORE_LOG_LEVEL: "warn",
  });
});

test("the login's folder that the person named stays the one that is used", () => {
  const named = { ...person, CLAUDE_CODE_HOME_DIR: "/logins" };
  expect(
    serverEnvironment(named, { home: "/t", tmp: "/t/tmp", claude: "/c", model: undefined })["CLAUDE_CODE_HOME_DIR"],
  ).toBe("/logins");
});
