import { expect, test } from "vitest";
import { checkReceiver, mayReach } from "../../../shared/notify/receivers.ts";

const check = (url: string, allowed: readonly string[], isEdge = false) =>
  checkReceiver(url, { allowed, hasSecret: true, isEdge }).href;
const refusal = (url: string, allowed: readonly string[], isEdge = false) => {
  try {
    return check(url, allowed, isEdge);
  } catch (error) {
    return (error as { status?: number }).status ?? 400;
  }
};

test("nobody may be notified until hosts are named and there is a secret; the refusal says what to set", () => {
  const url = "https://hooks.example/x";
  expect(() => checkReceiver(url, { allowed: [], hasSecret: true })).toThrow(
    expect.objectContaining({ status: 422, remedy: expect.stringContaining("AGENTICORE_NOTIFY_ALLOWED") }),
  );
  expect(() => checkReceiver(url, { allowed: ["hooks.example"], hasSecret: false })).toThrow(
    expect.objectContaining({ status: 422, remedy: expect.stringContaining("AGENTICORE_NOTIFY_SECRET") }),
  );
  expect(check(url, ["hooks.example"])).toBe(url);
});

test.each([
  ["hooks.example", "https://hooks.example/a?b=c", true],
  ["hooks.example", "https://HOOKS.example./", true],
  ["hooks.example", "https://xhooks.example/", false],
  ["hooks.example", "https://hooks.example.evil.test/", false],
  ["*.example", "https://a.example/", true],
  ["*.example", "https://a.b.example/", false],
  ["*.example", "https://example/", false],
  ["**.example", "https://a.b.example/", true],
  ["hooks.example:8443", "https://hooks.example:8443/", true],
  ["hooks.example:8443", "https://hooks.example/", false],
  ["hooks.example", "https://hooks.example:9000/", true],
  ["h.oks.example", "https://hooks.example/", false],
  ["203.0.114.7", "https://203.0.114.7/", true],
  ["203.0.114.0/24", "https://203.0.114.7/", true],
  ["203.0.114.0/24", "https://203.0.115.7/", false],
  ["203.0.114.0/24", "https://3405804039/", true],
])("what %s allows: %s is %s", (pattern, url, isAllowed) => {
  const answer = refusal(url, [pattern]);
  if (isAllowed) expect(answer).toMatch(/^https:/);
  else expect(answer).toBe(422);
});

test.each([
  "https://localhost/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://10.1.2.3/",
  "https://169.254.169.254/latest/meta-data/",
  "https://168.63.129.16/",
  "https://100.100.100.200/",
  "https://[::1]/",
  "https://[::ffff:169.254.169.254]/",
  "https://[fd00:ec2::254]/",
  "https://[2002:7f00:1::]/",
])("%s is inside, and no glob reaches it: it must be named", (url) => {
  expect(refusal(url, ["**", "*", "*.*.*.*", "**:443"])).toBe(422);
  expect(refusal(url, [new URL(url).hostname])).toBe(new URL(url).href);
});

test.each([
  "ftp://hooks.example/",
  "hooks.example",
  "/hook",
  "https://",
  "https://a b.example/",
  "https://user@hooks.example/",
  "https://user:secret@hooks.example/",
  "https://:secret@hooks.example/",
  "https:\\\\hooks.example/",
  "https://hooks.example/\nx",
  "javascript:alert(1)",
])("%j is no address for notifications", (url) => {
  expect(refusal(url, ["**"])).toBe(400);
});

test("http:// is for named hosts of private networks only", () => {
  expect(refusal("http://127.0.0.1:9000/x", ["127.0.0.1"])).toBe("http://127.0.0.1:9000/x");
  expect(refusal("http://10.1.2.3/", ["10.0.0.0/8"])).toBe("http://10.1.2.3/");
  expect(refusal("http://receiver/", ["receiver", "172.16.0.0/12"])).toBe("http://receiver/");
  expect(refusal("http://receiver.example/", ["*.example", "10.0.0.0/8"])).toBe(422);
  expect(refusal("http://receiver/", ["receiver", "203.0.114.7"])).toBe(422);
  expect(refusal("http://203.0.114.7/", ["203.0.114.7"])).toBe(422);
});

test("a Worker, which looks no name up, takes hosts only that are named in full, by https and outside", () => {
  expect(refusal("https://hooks.example/", ["hooks.example"], true)).toBe("https://hooks.example/");
  expect(refusal("https://hooks.example/", ["*.example"], true)).toBe(422);
  expect(refusal("https://10.1.2.3/", ["10.0.0.0/8"], true)).toBe(422);
  expect(refusal("http://localhost/", ["localhost"], true)).toBe(422);
});

test("where a name leads counts as well: inside only to a named address, and http:// nowhere else", () => {
  const url = (text: string) => new URL(text);
  expect(mayReach(url("https://hooks.example/"), "203.0.114.7", ["hooks.example"])).toBe(true);
  expect(mayReach(url("https://hooks.example/"), "169.254.169.254", ["hooks.example"])).toBe(false);
  expect(mayReach(url("https://hooks.example/"), "fe80::1%eth0", ["hooks.example"])).toBe(false);
  expect(mayReach(url("https://hooks.example/"), "::ffff:10.0.0.1", ["hooks.example"])).toBe(false);
  expect(mayReach(url("https://hooks.example/"), "10.0.0.1", ["hooks.example", "10.0.0.0/8"])).toBe(true);
  expect(mayReach(url("http://hooks.example/"), "203.0.114.7", ["hooks.example"])).toBe(false);
  expect(mayReach(url("http://localhost/"), "::1", ["localhost"])).toBe(true);
  expect(mayReach(url("http://localhost/"), "10.0.0.1", ["localhost"])).toBe(false);
  expect(mayReach(url("http://hooks.example/"), "127.0.0.1", ["hooks.example", "localhost"])).toBe(false);
});
