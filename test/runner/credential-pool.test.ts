import { expect, test } from "vitest";
import { openCredentialPool, variablesOf } from "../../runner/credential-pool.ts";
import { Secret } from "../../shared/secret.ts";

function aPool(...values: readonly string[]) {
  const clock = { ms: 1_000, now: () => clock.ms };
  const pool = openCredentialPool(
    values.map((value) => new Secret(value)),
    clock,
  );
  return { pool, clock, picked: (kind?: "api_key") => pool.pick(kind)?.secret.reveal() };
}

test("the first that no limit holds up is used, and when all are limited the one that is free soonest", () => {
  const { pool, clock, picked } = aPool("sk-ant-oat01-a", "key-b", "key-c");
  const limit = (untilMs: number) => {
    const credential = pool.pick();
    if (credential) pool.limited(credential, untilMs);
  };
  expect(picked()).toBe("sk-ant-oat01-a");
  limit(9_000);
  expect([picked(), pool.hasFree()]).toEqual(["key-b", true]);
  limit(5_000);
  limit(7_000);
  expect([picked(), pool.hasFree()]).toEqual(["key-b", false]);
  clock.ms = 9_000;
  expect([picked(), pool.hasFree()]).toEqual(["sk-ant-oat01-a", true]);
});

test("where only keys will do, tokens are passed over", () => {
  const { pool, picked } = aPool("sk-ant-oat01-a", "key-b");
  expect(picked("api_key")).toBe("key-b");
  const only = aPool("sk-ant-oat01-a");
  expect([only.picked("api_key"), only.pool.hasFree("api_key"), aPool().picked()]).toEqual([
    undefined,
    false,
    undefined,
  ]);
  const token = pool.pick();
  expect(token && variablesOf(token)).toEqual({
    ANTHROPIC_API_KEY: undefined,
    ANTHROPIC_AUTH_TOKEN: undefined,
    CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-a",
  });
});
