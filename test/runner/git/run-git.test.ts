import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GitFailure, kindOf, toGitError } from "../../../runner/git/git-failure.ts";
import { type Git, makeGit } from "../../../runner/git/run-git.ts";
import { scratch } from "../../support/sample-repo.ts";
import { gitBinary, never } from "./a-desk.ts";

const settings = (folder: string, binary = gitBinary) => ({
  binary,
  wrapper: [],
  globalConfig: "/dev/null",
  home: folder,
  onSpawn: () => undefined,
});

/** A program in the place of git. */
function fakeGit(folder: string, script: string): Git {
  const binary = join(folder, "fake-git");
  writeFileSync(binary, `#!/bin/sh\n${script}\n`);
  chmodSync(binary, 0o755);
  return makeGit(settings(folder, binary));
}

test("git gets a complete environment and nothing of ours", async () => {
  using folder = scratch();
  const git = fakeGit(folder.path, "env");
  process.env["GIT_SSH_COMMAND"] = "touch pwned";
  process.env["GIT_CONFIG_COUNT"] = "1";
  try {
    const place = { gitDir: folder.path, commonDir: "/c", workTree: "/w", indexFile: "/i" };
    const { text } = await git({ place, args: ["status"], protocol: "https", signal: never() });
    const names = text.split("\n").map((line) => line.split("=")[0]);
    expect(names).not.toContain("GIT_SSH_COMMAND");
    expect(names).not.toContain("GIT_CONFIG_COUNT");
    expect(text).toContain("GIT_ALLOW_PROTOCOL=https\n");
    expect(text).toContain(`GIT_DIR=${folder.path}\n`);
    for (const line of [
      "GIT_COMMON_DIR=/c",
      "GIT_WORK_TREE=/w",
      "GIT_INDEX_FILE=/i",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_CONFIG_NOSYSTEM=1",
    ])
      expect(text).toContain(`${line}\n`);
  } finally {
    delete process.env["GIT_SSH_COMMAND"];
    delete process.env["GIT_CONFIG_COUNT"];
  }
});

test("without a protocol git talks to nobody, not even to a folder", async () => {
  using folder = scratch();
  const git = makeGit(settings(folder.path));
  await git({ place: { gitDir: folder.path }, args: ["init", "-q", "--bare", folder.path] });
  for (const url of [folder.path, `file://${folder.path}`, "https://127.0.0.1:1/x", "ext::sh -c true"]) {
    const asked = git({ place: { gitDir: folder.path }, args: ["ls-remote", "--end-of-options", url] });
    await expect(asked).rejects.toMatchObject({ kind: "protocol" });
  }
});

test("a git that takes too long ends with all that it started", async () => {
  using folder = scratch();
  const alive = join(folder.path, "alive");
  const git = fakeGit(folder.path, `trap '' TERM\n(while :; do touch ${alive}; sleep 0.05; done) &\nwait`);
  const slow = git({ place: { gitDir: folder.path }, args: ["fetch"], timeoutMs: 300 });
  await expect(slow).rejects.toMatchObject({ kind: "timeout" });
  await expectQuiet(alive);
});

test("an abort ends git with all that it started, and its reason is what is thrown", async () => {
  using folder = scratch();
  const alive = join(folder.path, "alive");
  const git = fakeGit(folder.path, `(while :; do touch ${alive}; sleep 0.05; done) &\nwait`);
  const stop = new AbortController();
  const run = git({ place: { gitDir: folder.path }, args: ["fetch"], signal: stop.signal });
  await expect.poll(() => existsSync(alive)).toBe(true);
  stop.abort(new Error("lease lost"));
  await expect(run).rejects.toThrow("lease lost");
  await expectQuiet(alive);
  await expect(git({ place: { gitDir: folder.path }, args: ["fetch"], signal: stop.signal })).rejects.toThrow(
    "lease lost",
  );
});

test("a process that git leaves behind with its output open does not hold up its end", async () => {
  using folder = scratch();
  const left = join(folder.path, "left");
  const git = fakeGit(folder.path, `setsid sleep 60 & echo $! > ${left}; echo done`);
  try {
    const ended = git({ place: { gitDir: folder.path }, args: ["fetch"] });
    const late = new Promise((resolve) => setTimeout(resolve, 30_000, "late").unref());
    expect(await Promise.race([ended, late])).toMatchObject({ code: 0, text: "done\n" });
  } finally {
    process.kill(Number(readFileSync(left, "utf8")), "SIGKILL");
  }
}, 40_000);

/** Nobody makes the file any more: removed, it stays away. */
async function expectQuiet(file: string): Promise<void> {
  await expect
    .poll(
      async () => {
        rmSync(file, { force: true });
        await new Promise((resolve) => setTimeout(resolve, 200));
        return existsSync(file);
      },
      { timeout: 5_000 },
    )
    .toBe(false);
}

test("a git that is not there, one that reads no input and one that says too much are failures, not crashes", async () => {
  using folder = scratch();
  const place = { gitDir: folder.path };
  await expect(makeGit(settings(folder.path, "/nowhere/git"))({ place, args: ["status"] })).rejects.toThrow("ENOENT");
  const deaf = fakeGit(folder.path, "exit 3");
  await expect(deaf({ place, args: ["add"], input: "x".repeat(1_000_000) })).rejects.toBeInstanceOf(GitFailure);
  const chatty = fakeGit(folder.path, "yes");
  await expect(chatty({ place, args: ["log"] })).rejects.toMatchObject({ kind: "too-much-output" });
});

test.each([
  ["fatal: write error: No space left on device", "disk-full"],
  ["fatal: could not read Username for 'https://h': terminal prompts disabled", "auth"],
  ["git@h: Permission denied (publickey).", "auth"],
  ["Host key verification failed.", "auth"],
  ["fatal: unable to access 'https://h/': The requested URL returned error: 301", "redirect"],
  ["fatal: couldn't find remote ref refs/heads/x", "no-ref"],
  ["fatal: remote error: upload-pack: not our ref 123", "no-ref"],
  ["fatal: transport 'ext' not allowed", "protocol"],
  ["error: cannot lock ref 'refs/x': Unable to create '/r/refs/x.lock': File exists.", "locked"],
  ["fatal: '/x' does not appear to be a git repository", "no-repo"],
  ["remote: Repository not found.", "no-repo"],
  ["error: object file .git/objects/12/34 is empty", "corrupt"],
  ["fatal: a branch named 'agenticore-1' already exists", "taken"],
  [" ! [remote rejected] main -> main (protected branch hook declined)", "rejected"],
  ["something else", "other"],
])("%j means %s", (stderr, kind) => {
  expect(kindOf(stderr)).toBe(kind);
});

test("what a user is told is one line without control characters, with the code and a remedy", () => {
  const stderr = "remote: \u001b[31mno\u001b[0m\r\nhint: x\nfatal: Authentication failed for 'https://h/'\n";
  const told = toGitError(new GitFailure("auth", { command: "fetch", stderr, exitCode: 128 }), {
    otherwise: "clone_failed",
    where: "https://h/x",
  });
  expect(told).toMatchObject({ code: "auth_failed", remedy: expect.stringMatching(/token/) });
  expect(String(told)).toBe(
    "AppError: https://h/x: git was not let in (remote: [31mno[0m; fatal: Authentication failed for 'https://h/')",
  );
});
