import { expect, test } from "vitest";
import { checkBaseRef } from "../../shared/base-ref.ts";
import { defaultAllowedRepos, isInnerHost, isRepoAllowed } from "../../shared/repo-allowed.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";

const canonical = (raw: string) => parseRepoUrl(raw).canonical;
const allowed = (raw: string, patterns: readonly string[] = defaultAllowedRepos) =>
  isRepoAllowed(parseRepoUrl(raw), patterns);

test("W-24: every spelling of one repository has one canonical address", () => {
  const spellings = [
    "HTTPS://GitHub.com/Org/src.git/",
    "https://github.com:443/Org/src",
    "https://github.com/Org/src.git",
  ];
  expect(spellings.map(canonical)).toEqual(Array(3).fill("https://github.com/Org/src"));
  const ssh = ["git@GitHub.com:Org/src.git", "ssh://git@github.com:22/Org/src", "ssh://github.com/Org/src.git/"];
  expect(ssh.map(canonical)).toEqual(Array(3).fill("ssh://github.com/Org/src"));
  expect(["/srv/git//src/", "/srv/./git/src"].map(canonical)).toEqual(["/srv/git/src", "/srv/git/src"]);
});

test.each([
  "",
  "-u",
  "--upload-pack=touch x",
  "ext::sh -c id",
  "ext::sh",
  "a@ext::sh",
  "file:///srv/git/src",
  "git://host/src",
  "./src",
  "../src",
  "src",
  "~/src",
  "/srv/../etc",
  "/",
  "/./",
  "https://user:secret@host/src",
  "https://token@host/src",
  "https://host",
  "https://host/",
  "https://host/.git",
  "https://host/a/../b",
  "https://host/a/%2e%2E/b",
  "https://host/a?x=1",
  "https://host/a#b",
  "https://host\\@evil/a",
  "https:///a",
  "https://host/a b",
  "https://host/a\nb",
  "https://host/a\u0000",
  "https://host/\u200bsrc",
  "ssh://-oProxyCommand=id/src",
  "ssh://git@-oProxyCommand=id/src",
  "git@-oProxyCommand=id:src",
  "git@host:-src",
  "ssh://host:99999/src",
  "ssh://host",
  "ssh://git:secret@host/src",
  `https://host/${"a".repeat(2048)}`,
])("%j is refused as a repository address", (raw) => {
  expect(() => parseRepoUrl(raw)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});

test("W-26: by default any public https or ssh host may be used, and nothing else", () => {
  const yes = ["https://github.com/a/b", "git@github.com:a/b.git", "ssh://git@host:2222/a/b", "https://8.8.8.8/a"];
  expect(yes.filter((raw) => !allowed(raw))).toEqual([]);
  const no = [
    "http://github.com/a/b",
    "/srv/git/a",
    "https://localhost/a",
    "https://x.localhost/a",
    "https://127.0.0.1/a",
  ];
  expect(no.filter((raw) => allowed(raw))).toEqual([]);
});

test.each([
  "2130706433",
  "0x7f.1",
  "127.1",
  "localhost.",
  "10.1.2.3",
  "172.31.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "[::1]",
  "[::]",
  "[fe80::1]",
  "[fd00::1]",
  "[::ffff:10.0.0.1]",
  "[64:ff9b::7f00:1]",
])("%s is a host of an inner network", (host) => {
  expect(isInnerHost(host)).toBe(true);
});

test.each([
  "github.com",
  "8.8.8.8",
  "172.32.0.1",
  "100.128.0.1",
  "[2606:4700::1111]",
  "[::ffff:8.8.8.8]",
  "10.example.com",
])("%s is a host of the public network", (host) => {
  expect(isInnerHost(host)).toBe(false);
});

test("a pattern names hosts, folders and alternatives, not what merely looks like them", () => {
  expect(allowed("https://github.com/org/src.git", ["https://GitHub.com/org/*"])).toBe(true);
  expect(allowed("https://github.com/org/src", ["https://github.com/org/src.git"])).toBe(true);
  expect(allowed("https://github.com/org/deep/src", ["https://github.com/org/*"])).toBe(false);
  expect(allowed("https://github.com.evil/org/src", ["https://github.com/**"])).toBe(false);
  expect(allowed("https://githubxcom/org/src", ["https://github.com/**"])).toBe(false);
  expect(allowed("https://github.com/b/src", ["https://github.com/{a,b}/*"])).toBe(true);
  expect(allowed("git@github.com:org/src", ["git@github.com:org/**"])).toBe(true);
  expect(allowed("ssh://git@github.com/org/src", ["git@github.com:org/**"])).toBe(true);
  expect(allowed("/srv/git/src", ["/srv/git/**"])).toBe(true);
  expect(allowed("/srv/github/src", ["/srv/git/**"])).toBe(false);
  expect(allowed("/srv/git/src", ["**"])).toBe(false);
  expect(isRepoAllowed(parseRepoUrl("/home/me/src"), [], { localByDefault: true })).toBe(true);
});

test("http and inner hosts are used only where a pattern names them", () => {
  expect(allowed("http://git.example.com/a", ["**"])).toBe(false);
  expect(allowed("http://git.example.com/a", ["http://git.example.com/**"])).toBe(true);
  expect(allowed("http://127.0.0.1:8080/a", ["http://**"])).toBe(false);
  expect(allowed("http://127.0.0.1:8080/a", ["http://127.0.0.1:*/**"])).toBe(true);
  expect(allowed("https://10.0.0.7/a", ["https://10.0.0.*/**"])).toBe(false);
  expect(allowed("https://10.0.0.7/a", ["https://10.0.0.7/**"])).toBe(true);
  expect(allowed("git@10.0.0.7:a", ["git@10.0.0.7:**"])).toBe(true);
});

test.each(["main", "release/1.2", "v1.0.0", "feature/a@b#1", "fix+it=x", "0".repeat(40)])(
  "%s may be a base ref",
  (ref) => {
    expect(checkBaseRef(ref)).toBe(ref);
  },
);

test.each([
  "",
  "-u",
  "--upload-pack=x",
  "a..b",
  "a@{1}",
  "a//b",
  "a/.b",
  "a.lock",
  "a.lock/b",
  "a/",
  "a.",
  "HEAD",
  "@",
  "/a",
  "a b",
  "a\nb",
  "$(id)",
  "a;touch",
  "a~1",
  "a^",
  "a:b",
  "a*",
  "a".repeat(201),
])("%j is refused as a base ref", (ref) => {
  expect(() => checkBaseRef(ref)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});
