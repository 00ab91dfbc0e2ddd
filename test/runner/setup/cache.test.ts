import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cacheKey, keep, seed, sweepSetups } from "../../../runner/setup/cache.ts";
import { Setup } from "../../../shared/setup.ts";

function aPlace(more: object = {}) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-setups-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const cache = join(root, "cache");
  const tree = (name: string) => {
    const worktree = join(root, name);
    mkdirSync(worktree, { recursive: true });
    return { setup: Setup.parse({ command: "x", outputs: ["out/deep"], cache_key: ["lock"], ...more }), worktree };
  };
  const facts = (name: string) => ({ ...tree(name), scope: ["repo", "main"], variables: {} });
  return { root, cache, facts };
}

test("the key is that of the set-up, its files, the repository, the base ref and the variables", async () => {
  const { facts, root } = aPlace();
  const first = facts("one");
  const keys = new Set([await cacheKey(first)]);
  writeFileSync(join(root, "one/lock"), "1");
  keys.add(await cacheKey(first));
  keys.add(await cacheKey({ ...first, scope: ["repo", "evil"] }));
  keys.add(await cacheKey({ ...first, variables: { A: "1" } }));
  keys.add(await cacheKey({ ...first, setup: { ...first.setup, command: "y" } }));
  expect(keys.size).toBe(5);
  const same = facts("two");
  writeFileSync(join(root, "two/lock"), "1");
  expect(await cacheKey(same)).toBe(await cacheKey(first));
  expect(await cacheKey({ ...first, setup: { ...first.setup, outputs: [] } })).toBeUndefined();
});

test("what is kept is a copy, goes into a new tree with its links as links, and what is done there stays there", async () => {
  const { cache, facts, root } = aPlace();
  mkdirSync(join(root, "one/out/deep"), { recursive: true });
  writeFileSync(join(root, "one/out/deep/file"), "made");
  symlinkSync("/etc/hostname", join(root, "one/out/deep/link"));
  facts("one");
  expect(await keep(cache, "k", facts("one"))).toBe(true);
  for (const name of ["two", "three"]) {
    expect(await seed(cache, "k", facts(name))).toBe(true);
    expect(readFileSync(join(root, name, "out/deep/file"), "utf8")).toBe("made");
    expect(lstatSync(join(root, name, "out/deep/link")).isSymbolicLink()).toBe(true);
    writeFileSync(join(root, name, "out/deep/file"), "spoilt");
  }
  expect(await seed(cache, "other", facts("four"))).toBe(false);
});

test("an output that leads out of the worktree is neither kept nor written to", async () => {
  const { cache, facts, root } = aPlace();
  mkdirSync(join(root, "elsewhere/deep"), { recursive: true });
  mkdirSync(join(root, "one"));
  symlinkSync(join(root, "elsewhere"), join(root, "one/out"));
  expect(await keep(cache, "k", facts("one"))).toBe(false);
  expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([]);
  mkdirSync(join(cache, "k/0"), { recursive: true });
  writeFileSync(join(cache, "k/0/file"), "made");
  expect(await seed(cache, "k", facts("one"))).toBe(false);
  expect(existsSync(join(root, "elsewhere/deep/file"))).toBe(false);
});

test("what the checkout has there is not replaced: the set-up runs", async () => {
  const { cache, facts, root } = aPlace();
  mkdirSync(join(cache, "k/0"), { recursive: true });
  mkdirSync(join(root, "one/out/deep"), { recursive: true });
  writeFileSync(join(root, "one/out/deep/file"), "the repository's");
  expect(await seed(cache, "k", facts("one"))).toBe(false);
  expect(readFileSync(join(root, "one/out/deep/file"), "utf8")).toBe("the repository's");
});

test("the 20 last used stay for two weeks", async () => {
  const { cache } = aPlace();
  const now = Date.now();
  const make = (name: string, ageMs: number) => {
    mkdirSync(join(cache, name), { recursive: true });
    utimesSync(join(cache, name), (now - ageMs) / 1_000, (now - ageMs) / 1_000);
  };
  for (let at = 0; at < 22; at++) make(`k${at}`, at * 60_000);
  make("cut.1.new", 2 * 3_600_000);
  make("fresh.1.new", 1_000);
  await sweepSetups(cache, now);
  expect(readdirSync(cache).length).toBe(21);
  expect(existsSync(join(cache, "k19")) && !existsSync(join(cache, "k20"))).toBe(true);
  await sweepSetups(cache, now + 15 * 24 * 3_600_000);
  expect(readdirSync(cache)).toEqual([]);
});
