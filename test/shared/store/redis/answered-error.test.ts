import { expect, test } from "vitest";
import { AppError } from "../../../../shared/error.ts";
import { answeredError } from "../../../../shared/store/redis/answered-error.ts";
import { Passing } from "../../../../shared/store/redis/patience.ts";
import { WireError } from "../../../../shared/store/redis/wire.ts";

const meant = (text: string, args: readonly unknown[] = []) =>
  answeredError(text, { place: "Redis at h", what: "SET", args });

test.each([
  "LOADING Redis is loading the dataset in memory",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "READONLY You can't write against a read only replica.",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "ERR max number of clients reached",
  "ERR max concurrent connections exceeded",
])("%s: may pass", (text) => {
  expect(meant(text)).toBeInstanceOf(Passing);
});

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"],
  ["ERR DB capacity quota exceeded", "plan"],
  ["MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "disk"],
  ["NOAUTH Authentication required.", "REDIS_TOKEN"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "REDIS_TOKEN"],
  ["NOPERM this user has no permissions to run the 'set' command", "REDIS_TOKEN"],
  ["Unauthorized", "REDIS_TOKEN"],
  ["ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.", "plan"],
  ["ERR max requests limit exceeded. Limit: 500000, Usage: 500001.", "plan"],
])("%s: the store is unavailable until somebody does something", (text, remedy) => {
  const error = meant(text);
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining(text),
    remedy: expect.stringContaining(remedy),
  });
});

test.each([
  "ERR syntax error",
  "WRONGTYPE Operation against a key",
  "NOSCRIPT No matching script.",
  "ERR max request size exceeded",
])("%s: is about the command", (text) => {
  const error = meant(text);
  expect(error).toBeInstanceOf(WireError);
  expect(error.message).toBe(`${text} (SET)`);
});

test("no argument of eight characters or more stands in it, whoever repeats it", () => {
  const args = ["job:1", "a very secret prompt", 12, "ghp_0123456789"];
  const texts = [
    "ERR unknown command 'FOO', with args beginning with: 'a very secret prompt' 'ghp_0123456789' ",
    'ERR value is not an integer, command was: ["set","job:1","a very secret prompt"]',
    "SCHEMA mine 3 and ghp_0123456789 theirs",
  ];
  for (const text of texts) expect(meant(text, args).message).not.toMatch(/secret|ghp_/);
  expect(meant("SCHEMA 3 for job:1", args).message).toBe("SCHEMA 3 for job:1 (SET)");
});
