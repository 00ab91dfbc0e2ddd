import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Leash, leashed } from "../../../runner/git/leash.ts";
import { openRepos } from "../../../runner/git/repos.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import { eventually } from "../../support/eventually.ts";
import { gatedGit } from "../../support/gated-git.ts";
import { processesNaming } from "../../support/leftovers.ts";
import { aJob, never } from "./a-desk.ts";
import { hostedDesk, login, work } from "./a-hosted-desk.ts";

/** A leash from when git is started on, that is lengthened from outside. */
function aLeash(ms: number) {
  const started = Promise.withResolvers<void>();
  const listeners: ((until: number) => void)[] = [];
  let until: number | undefined;
  return {
    until: () => {
      until ??= systemClock.uptime() + ms;
      return until;
    },
    onLonger: (listener: (until: number) => void) => {
      listeners.push(listener);
      started.resolve();
    },
    started: started.promise,
    lengthen: (more: number) => {
      for (const listener of listeners) listener(systemClock.uptime() + more);
    },
  };
}

describe.for(["local", "hosted"] as const)("a push to a %s repository", (where) => {
  /** A push that waits before git does anything. */
  async function aPush(leash: Leash) {
    const world = await hostedDesk();
    const { desk, server, hosted } = world;
    const gated = gatedGit(join(desk.path, "gated"));
    const repos = await openRepos({ ...desk.options, credentials: async () => login, gitBinary: gated.binary });
    const job = aJob(where === "local" ? desk.repo.path : server.url("src.git"));
    const tree = await repos.openWorktree(await repos.prepare(job, never()), job, never());
    const commit = await work(desk, tree);
    gated.hold("push");
    const pushing = repos.push(tree, { commit, leash }, never());
    pushing.catch(() => undefined);
    const branches = () => (where === "local" ? desk.repo.git : hosted)("branch", "--list", tree.branch);
    const living = () => processesNaming(desk.path).length;
    const end = async () => {
      gated.release("push");
      await pushing.catch(() => undefined);
      await repos[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    };
    return { gated, pushing, branches, living, [Symbol.asyncDispose]: end };
  }

  test("ends by itself when its time is over, also while its runner stands still", async () => {
    await using push = await aPush(aLeash(1_500));
    await expect(push.pushing).rejects.toMatchObject({ cause: { kind: "late" } });
    push.gated.release("push");
    await eventually(() => push.living() === 0, { deadlineMs: 5_000, what: "nothing of it lives" });
    expect(push.branches()).toBe("");
  });

  test("does not begin when it is late", async () => {
    await using push = await aPush(aLeash(-1));
    await expect(push.pushing).rejects.toMatchObject({ cause: { kind: "late" } });
    push.gated.release("push");
    expect(push.branches()).toBe("");
  });

  test("goes on as long as its runner has the job", async () => {
    const leash = aLeash(1_500);
    await using push = await aPush(leash);
    await leash.started;
    leash.lengthen(60_000);
    await push.gated.reached("push");
    await eventually(() => systemClock.uptime() > leash.until() + 500, { what: "its first time is over" });
    push.gated.release("push");
    await expect(push.pushing).resolves.toMatchObject({ how: "new" });
    await eventually(() => push.living() === 0, { deadlineMs: 5_000, what: "nothing of it lives" });
  });
});

test("a later time that reaches the command in two of its turns is heard as it was said, also where its end was lost", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ac-leash-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const turns = join(folder, "turns");
  const gate = join(folder, "gate");
  const seen = () => (existsSync(turns) ? readFileSync(turns, "utf8").trimEnd().split("\n") : []);
  const leash = { until: () => systemClock.uptime() + 60_000, onLonger: () => undefined };
  const told = leashed(leash).map((part) =>
    part.replace("while ! late; do", `while ! late; do echo "$until" >>'${turns}';`).replace("-t 0.25", "-t 0.02"),
  );
  const [file = "", ...args] = [...told, "bash", "-c", `until [[ -e '${gate}' ]]; do sleep 0.02; done`];
  const child = spawn(file, args, { stdio: ["pipe", "ignore", "ignore"], timeout: 30_000, detached: true });
  const farther = Math.floor(systemClock.uptime() / 10) + 100_000;
  const length = `${farther} .`.length;
  for (let at = 1; at <= length; at += 1) {
    const until = String(farther + at);
    const line = `${until} .`;
    const before = seen().length;
    child.stdin.write(line.slice(0, at));
    await eventually(() => seen().length > before + 1 || child.exitCode !== null, { what: "a turn is over" });
    child.stdin.write(at === length ? "" : `${line.slice(at)}\n`);
    await eventually(() => seen().at(-1) === until || child.exitCode !== null, { what: "it is heard" });
    expect(seen().at(-1), `cut at ${at}`).toBe(until);
  }
  writeFileSync(gate, "");
  expect(await once(child, "close")).toEqual([0, null]);
});

test("a push that is refused is not taken for one that was late, and what git said is told alone", async () => {
  await using world = await hostedDesk();
  const { desk } = world;
  const { tree } = await desk.start();
  const commit = await work(desk, tree);
  desk.repo.git("config", "transfer.hideRefs", "refs/heads");
  const leash = { until: () => systemClock.uptime() + 60_000, onLonger: () => undefined };
  await expect(desk.repos.push(tree, { commit, leash }, never())).rejects.toMatchObject({
    cause: { kind: "rejected", stderr: expect.not.stringMatching(/bash|Killed/) },
  });
});
