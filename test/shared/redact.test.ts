import { expect, test } from "vitest";
import { redactor } from "../../shared/redact.ts";

test("W-82: every place of a known secret is taken out, the longer of two before the shorter", () => {
  const redact = redactor(["hunter2-hunter2", "hunter2-hunter2-and-more"]);
  expect(redact("a hunter2-hunter2 b hunter2-hunter2-and-more c hunter2-hunter2")).toBe(
    "a [redacted] b [redacted] c [redacted]",
  );
});

test("a secret's characters mean nothing special", () => {
  const value = "$&.*+?^(x)[y]{1}|\\d";
  expect(redactor([value])(`<${value}>`)).toBe("<[redacted]>");
  expect(redactor(["plain-secret"])("$1 plain-secret $&")).toBe("$1 [redacted] $&");
});

test("short values are left, since taking them out would garble the text", () => {
  expect(redactor(["", "a", "1234567"])("a 1234567 banana")).toBe("a 1234567 banana");
});

const letters = (n: number) => "aB3".repeat(n).slice(0, n);
test.each([
  ["an Anthropic key", `sk-ant-api03-${letters(40)}`],
  ["a Claude OAuth token", `sk-ant-oat01-${letters(40)}-_${letters(4)}`],
  ["a GitHub token", `ghp_${letters(36)}`],
  ["a GitHub app's token", `ghs_${letters(36)}`],
  ["a fine-grained GitHub token", `github_pat_${letters(22)}_${letters(59)}`],
  ["an AWS key id", "AKIAABCDEFGHIJKLMNOP"],
  ["a private key", `-----BEGIN RSA PRIVATE KEY-----\n${letters(64)}\n${letters(64)}\n-----END RSA PRIVATE KEY-----`],
])("%s that nobody named is known by its shape", (_, secret) => {
  for (const around of ["%", "token=%", '"%"', "(%)", "first\n%\nlast", "x-access-token:%@github.com"])
    expect(redactor([])(around.replace("%", () => secret))).toBe(around.replace("%", "[redacted]"));
});

test.each(["s3cret", "!b@ng".replace("@", "%40"), "-dash-", "%21%21", "p.w", "~~~"])(
  "a password %s in an address is taken out, and the address stays",
  (password) => {
    const redact = redactor([]);
    expect(redact(`git clone https://user:${password}@host/path?x=1 done`)).toBe(
      "git clone https://user:[redacted]@host/path?x=1 done",
    );
    expect(redact(`ssh://u:${password}@host:22/p`)).toBe("ssh://u:[redacted]@host:22/p");
    expect(redact(`rediss://:${password}@host:22`)).toBe("rediss://:[redacted]@host:22");
  },
);

test.each([
  "git@github.com:org/repo.git",
  "https://host:8443/path@v2",
  "https://user@host/path",
  "see http://host:80/ and mail a@b.c",
  "sk-ant-short",
  "ghp_notlongenough",
  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
])("ordinary text stays as it is: %s", (text) => {
  expect(redactor(["another-secret"])(text)).toBe(text);
});

test("keys go one by one, and a beginning that has no end stays", () => {
  const key = (body: string) => `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`;
  const open = "-----BEGIN EC PRIVATE KEY-----\ncut off";
  expect(redactor([])(`a ${key("one")} b ${key("two")} c ${open}`)).toBe(`a [redacted] b [redacted] c ${open}`);
});

test("a megabyte of beginnings of keys that do not end is read in no time that anybody notices", () => {
  const line = `-----END PRIVATE KEY-----${"-----BEGIN PRIVATE KEY-----".repeat(38_000)}`;
  const start = performance.now();
  expect(redactor([])(line)).toBe(line);
  expect(performance.now() - start).toBeLessThan(2_000);
});

test("a long line without secrets is read in no time that anybody notices", () => {
  const line = `https://${"a:".repeat(50_000)} ${"-----BEGIN RSA PRIVATE KEY-----".repeat(2_000)} ${"sk-ant-".repeat(20_000)}`;
  const start = performance.now();
  redactor(["another-secret"])(line);
  expect(performance.now() - start).toBeLessThan(2_000);
});
