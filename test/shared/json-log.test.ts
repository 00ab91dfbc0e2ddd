import { expect, test } from "vitest";
import { jsonLog } from "../../shared/json-log.node.ts";
import { knownSecrets } from "../../shared/known-secrets.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { redactor } from "../../shared/redact.ts";
import { Secret } from "../../shared/secret.ts";

const pem = "-----BEGIN PRIVATE KEY-----\nabc\ndef\n-----END PRIVATE KEY-----";

async function logged(act: (log: ReturnType<typeof jsonLog>) => void): Promise<string> {
  const env = {
    GITHUB_TOKEN: "a-token-of-ours",
    ANTHROPIC_API_KEY: 'with"quote-inside',
    GITHUB_APP_PRIVATE_KEY: pem,
    REDIS_URL: "redis://someone:pass%3Aword-of-redis@127.0.0.1",
  };
  const { config } = await loadConfig({ env, home: "/nowhere", hostName: "box", cwd: "/" });
  let text = "";
  const to = {
    write: (line: string) => {
      text += line;
    },
  };
  act(jsonLog({ level: "info", redact: redactor(knownSecrets(config, env)), to }));
  return text;
}

test("a log line is one JSON object with level, time, message and facts", async () => {
  const text = await logged((log) => log.child({ job: "j1" }).warn("slow", { ms: 5 }));

  expect(JSON.parse(text)).toEqual({ level: "warn", time: expect.any(String), job: "j1", ms: 5, msg: "slow" });
});

test("what is below the level is not written", async () => {
  expect(await logged((log) => log.debug("quiet"))).toBe("");
});

test("no known secret gets into a log line, in no form", async () => {
  const text = await logged((log) => {
    log.info("token a-token-of-ours", { nested: { list: ["a-token-of-ours"] }, key: 'with"quote-inside' });
    log.info("WRONGPASS pass:word-of-redis", { asked: "AUTH pass%3Aword-of-redis" });
    log.info(pem, { wrapped: new Secret("a-token-of-ours") });
  });

  expect(text).not.toMatch(/a-token-of-ours|quote-inside|word-of-redis|abc/);
  for (const line of text.trim().split("\n")) JSON.parse(line);
});

test("an error keeps its message, code, stack and cause", async () => {
  const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "EX" });
  const line = JSON.parse(await logged((log) => log.error("failed", { error })));

  expect(line.error).toMatchObject({ name: "Error", message: "outer", code: "EX", cause: { message: "inner" } });
  expect(line.error.stack).toContain("json-log.test");
});
