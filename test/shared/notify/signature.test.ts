import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { resolveConfig } from "../../../shared/config.ts";
import { signatures } from "../../../shared/notify/signature.ts";
import { Secret } from "../../../shared/secret.ts";

const at = { home: "/", hostName: "box", kubernetes: false };
const secretsOf = (value: string) =>
  resolveConfig({ env: { AGENTICORE_NOTIFY_SECRET: value }, at }).config.notifySecret.map((secret) => secret.reveal());

test("the signature is that of the example in the specification of Standard Webhooks", async () => {
  const body = '{"test": 2432232314}';
  const example = new Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  expect(await signatures({ id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body }, [example])).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("each secret of a list signs, so that one can take the place of another; a text without whsec_ is the key itself", async () => {
  const plain = "a text of more than twenty-four letters";
  const old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const signed = await signatures({ id: "msg_1", timestamp: 7, body: "ü" }, [new Secret(plain), new Secret(old)]);
  const [first, second, ...more] = signed.split(" ");
  expect(first).toBe(`v1,${createHmac("sha256", plain).update("msg_1.7.ü").digest("base64")}`);
  expect(second).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
  expect(more).toEqual([]);
});

test("a secret that is too short, too long or no base64 stops the program with a sentence that does not show it", () => {
  expect(secretsOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, a text of more than twenty-four letters")).toHaveLength(2);
  for (const wrong of [
    "short",
    "whsec_c2hvcnQ=",
    `whsec_${"A".repeat(100)}`,
    "whsec_not base64 at all, really not!",
    "x".repeat(65),
  ])
    expect(() => secretsOf(wrong)).toThrow(/AGENTICORE_NOTIFY_SECRET/);
  expect(() => secretsOf("whsec_c2hvcnQ=")).not.toThrow(/c2hvcnQ/);
});
