import { randomUUID } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { keepTranscript, layOutTranscript } from "../../../runner/claude/transcripts.ts";

const user = '{"type":"user","message":{"role":"user","content":"hello"}}\n';
const queued = '{"type":"queue-operation","operation":"enqueue","content":"say \\"type\\":\\"user\\""}\n';
const cost = '{"type":"cost-state","totalCostUSD":0.3}\n';

function aPlace() {
  const root = mkdtempSync(join(tmpdir(), "agenticore-transcripts-"));
  const sessionId = randomUUID();
  const worktree = join(root, "my tree_1");
  mkdirSync(worktree);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const kept = join(root, "data", "sessions", sessionId, `${sessionId}.jsonl`);
  const laid = join(root, "next", "projects", worktree.replace(/[^A-Za-z0-9]/g, "-"), `${sessionId}.jsonl`);
  const own = { configDir: join(root, "config"), sessions: join(root, "data/sessions"), sessionId };
  const next = { ...own, configDir: join(root, "next") };
  const end = () => rmSync(root, { recursive: true, force: true });
  return { root, sessionId, worktree, put, kept, laid, own, next, [Symbol.dispose]: end };
}

test("a session is kept as it is, for its owner only, and laid out where Claude looks for it", async () => {
  using at = aPlace();
  at.put(`config/projects/-some-tree/${at.sessionId}.jsonl`, queued + user);
  expect(await keepTranscript(at.own)).toBe(true);
  expect(readFileSync(at.kept, "utf8")).toBe(queued + user);
  expect(statSync(at.kept).mode & 0o777).toBe(0o600);
  expect(await layOutTranscript(at.next, at.worktree)).toBe(true);
  expect(readFileSync(at.laid, "utf8")).toBe(queued + user);
});

test("what the session has cost so far does not go along: a result then tells of its own attempt", async () => {
  using at = aPlace();
  const text = `${cost}${user}{"type":"x","cost":1}\n${cost}{"type":"cost-st`;
  at.put(`config/projects/-t/${at.sessionId}.jsonl`, text);
  await keepTranscript(at.own);
  await layOutTranscript(at.next, at.worktree);
  expect(readFileSync(at.laid, "utf8")).toBe(`${user}{"type":"x","cost":1}\n{"type":"cost-st`);
});

test("lines that straddle the pieces in which a file is read come through whole", async () => {
  using at = aPlace();
  const long = `{"type":"user","text":"${"x".repeat(65_536 - 30)}"}\n`;
  const text = long + cost + user + cost.repeat(3_000) + long;
  at.put(`config/projects/-t/${at.sessionId}.jsonl`, text);
  await keepTranscript(at.own);
  await layOutTranscript(at.next, at.worktree);
  expect(readFileSync(at.laid, "utf8")).toBe(long + user + long);
});

test("the newest of several transcripts of the session is kept", async () => {
  using at = aPlace();
  at.put(`config/projects/-a/${at.sessionId}.jsonl`, `${user}old`);
  at.put(`config/projects/-b/${at.sessionId}.jsonl`, `${user}new`);
  const newest = join(at.own.configDir, "projects/-b", `${at.sessionId}.jsonl`);
  utimesSync(newest, new Date(), new Date(Date.now() + 5_000));
  await keepTranscript(at.own);
  expect(readFileSync(at.kept, "utf8")).toContain("new");
});

test("a later attempt's transcript replaces the earlier one", async () => {
  using at = aPlace();
  at.put(`data/sessions/${at.sessionId}/${at.sessionId}.jsonl`, user);
  at.put(`data/sessions/${at.sessionId}/${at.sessionId}.jsonl.new`, "left by a crash");
  at.put(`config/projects/-t/${at.sessionId}.jsonl`, user + user);
  await keepTranscript(at.own);
  expect(readFileSync(at.kept, "utf8")).toBe(user + user);
});

test("without a transcript, or before the first message, there is nothing to go on with", async () => {
  using at = aPlace();
  expect(await keepTranscript(at.own)).toBe(false);
  expect(await layOutTranscript(at.next, at.worktree)).toBe(false);
  at.put(`data/sessions/${at.sessionId}/${at.sessionId}.jsonl`, queued);
  expect(await layOutTranscript(at.next, at.worktree)).toBe(false);
});

test("links that an agent planted are not followed", async () => {
  using at = aPlace();
  at.put("secret/file.jsonl", user);
  const secret = join(at.root, "secret");
  const name = `${at.sessionId}.jsonl`;

  mkdirSync(join(at.root, "config/projects/-t"), { recursive: true });
  symlinkSync(join(secret, "file.jsonl"), join(at.root, "config/projects/-t", name));
  expect(await keepTranscript(at.own)).toBe(false);

  rmSync(join(at.root, "config/projects/-t", name));
  linkSync(join(secret, "file.jsonl"), join(at.root, "config/projects/-t", name));
  expect(await keepTranscript(at.own)).toBe(false);

  at.put(`secret/${name}`, user);
  symlinkSync(secret, join(at.root, "config/projects/-u"));
  expect(await keepTranscript(at.own)).toBe(false);

  rmSync(join(at.root, "config/projects"), { recursive: true });
  at.put(`secret/-v/${name}`, user);
  symlinkSync(secret, join(at.root, "config/projects"));
  expect(await keepTranscript(at.own)).toBe(false);
});

test("what a later job has said in the session is not put back by what an earlier one had left in its folder", async () => {
  using at = aPlace();
  at.put(`config/projects/-t/${at.sessionId}.jsonl`, user);
  const before = new Date(Date.now() - 60_000);
  utimesSync(join(at.root, `config/projects/-t/${at.sessionId}.jsonl`), before, before);
  at.put(`data/sessions/${at.sessionId}/${at.sessionId}.jsonl`, user + user);
  expect(await keepTranscript(at.own)).toBe(true);
  expect(readFileSync(at.kept, "utf8")).toBe(user + user);
});
