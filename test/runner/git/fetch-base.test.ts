import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import { gitServer } from "../../support/git-server.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

test("ten jobs at once on one repository: no git failure, one fetch, ten trees", async () => {
  await using desk = await aDesk();
  const started = await Promise.all(Array.from({ length: 10 }, () => desk.start()));
  expect(desk.repos.counters.fetches).toBe(1);
  expect(started.filter(({ prepared }) => !prepared.shared)).toHaveLength(1);
  expect(new Set(started.map(({ tree }) => tree.branch)).size).toBe(10);
  expect(started.map(({ tree }) => gitIn(tree.path)("rev-parse", "HEAD"))).toEqual(Array(10).fill(desk.repo.head()));
  expect(started.map(({ tree }) => gitIn(tree.path)("status", "--porcelain"))).toEqual(Array(10).fill(""));
});

test("ten jobs at once after the branch moved: one more fetch", async () => {
  await using desk = await aDesk();
  await desk.start();
  const newest = desk.repo.commit({ "new.txt": "x" });
  const jobs = Array.from({ length: 10 }, () => aJob(desk.repo.path));
  const all = await Promise.all(jobs.map((job) => desk.repos.prepare(job, never())));
  expect(all.map(({ baseSha }) => baseSha)).toEqual(Array(10).fill(newest));
  expect(desk.repos.counters.fetches).toBe(2);
});

test("a commit that is here already is not fetched again", async () => {
  await using desk = await aDesk();
  await desk.start();
  const { prepared } = await desk.start();
  expect(prepared).toMatchObject({ how: "present", shared: false });
  expect(desk.repos.counters.fetches).toBe(1);
});

test("a job that comes while another asks gets the branch as it is now, not as it was", async () => {
  await using desk = await aDesk();
  const asked = Promise.withResolvers<void>();
  const hold = Promise.withResolvers<void>();
  let questions = 0;
  await using server = await gitServer({
    root: desk.path,
    after: async (url) => {
      if (!url.endsWith("/git-upload-pack") || ++questions > 1) return;
      asked.resolve();
      await hold.promise;
    },
  });
  const url = server.url("person");
  const early = desk.repos.prepare(aJob(url), never());
  await asked.promise;
  const newest = desk.repo.commit({ "pushed-meanwhile.txt": "x" });
  const late = desk.repos.prepare(aJob(url), never());
  hold.resolve();
  await early;
  expect((await late).baseSha).toBe(newest);
});

test("a waiting job that is cancelled does not disturb the others, nor the fetch they share", async () => {
  await using desk = await aDesk();
  const cancel = new AbortController();
  const first = desk.repos.prepare(aJob(desk.repo.path), cancel.signal);
  const others = Promise.all([1, 2, 3].map(() => desk.repos.prepare(aJob(desk.repo.path), never())));
  cancel.abort(new Error("cancelled by a person"));
  await expect(first).rejects.toThrow("cancelled by a person");
  expect((await others).map(({ baseSha }) => baseSha)).toEqual(Array(3).fill(desk.repo.head()));
});

test("two processes that fetch one repository at once both succeed", async () => {
  await using desk = await aDesk();
  await using other = await openRepos(desk.options);
  const jobs = [desk.repos, other].flatMap((repos) =>
    [1, 2, 3].map(() => repos.prepare(aJob(desk.repo.path), never())),
  );
  expect((await Promise.all(jobs)).map(({ baseSha }) => baseSha)).toEqual(Array(6).fill(desk.repo.head()));
  expect(desk.repos.counters.fetches + other.counters.fetches).toBe(1);
});

test("lock files of a killed git do not stop the next fetch", async () => {
  await using desk = await aDesk();
  const { prepared } = await desk.start();
  const { vault } = prepared.source.place;
  const seen = readdirSync(join(vault, "refs/agenticore/seen"))[0];
  for (const name of [`refs/agenticore/seen/${seen}.lock`, "packed-refs.lock", "config.lock"])
    writeFileSync(join(vault, name), "");
  const newest = desk.repo.commit({ "new.txt": "x" });
  expect((await desk.start()).prepared.baseSha).toBe(newest);
});

const packsIn = (folder: string) => readdirSync(folder).map((name) => join(folder, name));

test.each<[string, (vault: string) => void]>([
  ["without objects", (vault) => rmSync(join(vault, "objects"), { recursive: true })],
  ["without HEAD and config", (vault) => ["HEAD", "config"].map((name) => rmSync(join(vault, name)))],
  ["with broken packs", (vault) => packsIn(join(vault, "objects/pack")).map((pack) => truncateSync(pack, 40))],
  ["gone altogether", (vault) => rmSync(vault, { recursive: true })],
])("a mirror %s is made anew, and trees of other jobs live on", async (_, harm) => {
  await using desk = await aDesk();
  desk.repo.commit(Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`many/${n}.txt`, `${n}`])));
  const { prepared, tree } = await desk.start();
  expect(readdirSync(join(prepared.source.place.vault, "objects/pack")).length).toBeGreaterThan(0);
  harm(prepared.source.place.vault);
  const same = await desk.start();
  expect(gitIn(same.tree.path)("status", "--porcelain")).toBe("");
  const newest = desk.repo.commit({ "new.txt": "x" });
  expect((await desk.start()).prepared.baseSha).toBe(newest);
  expect(gitIn(tree.path)("log", "-1", "--format=%H")).toBe(prepared.baseSha);
  expect(gitIn(tree.path)("fsck")).toBe("");
});

test("W-21: a first fetch that was cut off leaves nothing that is taken for a mirror", async () => {
  await using desk = await aDesk();
  const begun = Promise.withResolvers<void>();
  let packs = 0;
  await using server = await gitServer({
    root: desk.path,
    before: async (url) => {
      if (!url.endsWith("/git-upload-pack") || ++packs !== 3) return;
      begun.resolve();
      await new Promise(() => undefined);
    },
  });
  const stop = new AbortController();
  const cut = desk.repos.prepare(aJob(server.url("person")), stop.signal);
  await begun.promise;
  stop.abort(new Error("stopped"));
  await expect(cut).rejects.toThrow("stopped");
  const [key = ""] = readdirSync(join(desk.path, "repos"));
  await expect
    .poll(() => readdirSync(join(desk.path, "repos", key)).filter((name) => name !== ".trash"))
    .toEqual([".lock"]);
  expect(await desk.repos.prepare(aJob(server.url("person")), never())).toMatchObject({ baseSha: desk.repo.head() });
  expect(existsSync(join(desk.path, "repos", key, "vault/HEAD"))).toBe(true);
});

test("whoever sees a vault sees its mirror: another process may go on from there without a lock", async () => {
  await using desk = await aDesk();
  const home = () => readdirSync(join(desk.path, "repos")).map((key) => join(desk.path, "repos", key))[0] ?? "";
  const seen = new Set<string>();
  let over = false;
  const looking = (async () => {
    while (!over) {
      const place = home();
      if (existsSync(join(place, "vault"))) seen.add(existsSync(join(place, "repo")) ? "both" : "the vault alone");
      await new Promise(setImmediate);
    }
  })();
  await desk.repos.prepare(aJob(desk.repo.path), never());
  over = true;
  await looking;
  expect([...seen]).toEqual(["both"]);
});
