import { expect, test } from "vitest";
import { modelAccess, standIn } from "../../../runner/broker/model-access.ts";

const on = { keyBroker: true };
const at = { url: "http://127.0.0.1:5", placeholder: "placeholder" };

test("Claude gets the placeholder in the variables that held a key, and the broker's address", () => {
  const access = modelAccess({ ANTHROPIC_API_KEY: "k", ANTHROPIC_CUSTOM_HEADERS: "a: b" }, on);
  expect(access && standIn(access, at)).toEqual({
    ANTHROPIC_BASE_URL: at.url,
    ANTHROPIC_API_KEY: "placeholder",
    ANTHROPIC_CUSTOM_HEADERS: undefined,
    _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: "1",
  });
});

test("behind a gateway Claude is not told that it speaks to the API itself", () => {
  const access = modelAccess({ ANTHROPIC_AUTH_TOKEN: "t", ANTHROPIC_BASE_URL: "https://gateway.example/x" }, on);
  expect(access?.upstream.href).toBe("https://gateway.example/x");
  expect(access && Object.keys(standIn(access, at)).toSorted()).toEqual([
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
  ]);
});

test("logins, subscriptions and clouds are left as they are, and so is all where the broker is switched off", () => {
  expect(modelAccess({}, on)).toBeUndefined();
  expect(modelAccess({ CLAUDE_CODE_OAUTH_TOKEN: "t", ANTHROPIC_API_KEY: "" }, on)).toBeUndefined();
  for (const cloud of ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"])
    expect(modelAccess({ [cloud]: "1", ANTHROPIC_AUTH_TOKEN: "t" }, on)).toBeUndefined();
  expect(modelAccess({ CLAUDE_CODE_USE_BEDROCK: "0", ANTHROPIC_API_KEY: "k" }, on)).toBeDefined();
  expect(modelAccess({ ANTHROPIC_API_KEY: "k" }, { keyBroker: false })).toBeUndefined();
});
