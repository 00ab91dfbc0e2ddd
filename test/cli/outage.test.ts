import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { silentLog } from "../../shared/log.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aJobId } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { someProfiles } from "../support/an-api.ts";
import { anOutage, hasty } from "../support/an-outage.ts";
import { eventually } from "../support/eventually.ts";

/** A server before a remote store that is away, and somebody at a terminal. */
async function aServerInAnOutage() {
  const outage = await anOutage();
  const { store, outlook } = outage;
  const api = await startApi({
    ...{ config: aConfig(), store, outlook, profiles: someProfiles, clock: hasty, log: silentLog, version: "0.1.0" },
    ...{ host: "127.0.0.1", port: 0 },
  });
  const cli = aCli({ env: { AGENTICORE_URL: api.url } });
  outage.link.is = "away";
  return {
    ...{ outage, cli },
    back: () => {
      outage.link.is = "up";
    },
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await outage[Symbol.asyncDispose]();
    },
  };
}

test("run says that the job is spooled and what that means, and prints its id", async () => {
  await using world = await aServerInAnOutage();
  const { code, out, err } = await world.cli.run("run", "Add a test");
  expect(code).toBe(0);
  expect(out).toMatch(/^[0-9a-f-]{36}\n$/);
  expect(err).toMatch(/cannot reach its store.*own disk \(spooled\).*same id.*no runner takes it/);
  const shown = await world.cli.run("job", out.trim());
  expect(shown.out).toMatch(/status:.*queued.*spooled/);
});

test("status tells that the store is away and how many jobs wait on the server's disk, and ends with 1", async () => {
  await using world = await aServerInAnOutage();
  await world.cli.run("run", "One");
  await world.cli.run("run", "Two");
  const { code, out } = await world.cli.run("status");
  expect(code).toBe(1);
  expect(out).toMatch(/^down store: it cannot be reached/m);
  expect(out).toMatch(/^up spool: 2 jobs on this server's disk, until the store is back$/m);
  expect(JSON.parse((await world.cli.run("status", "--json")).out)).toMatchObject({
    ready: false,
    parts: { store: { ok: false }, spool: { ok: true, waiting: 2 } },
  });
  world.back();
  await eventually(async () => (await world.cli.run("status")).out.includes("up spool\n"));
});

test("cancel of a spooled job says what will happen", async () => {
  await using world = await aServerInAnOutage();
  const { out } = await world.cli.run("run", "One");
  const { code, err } = await world.cli.run("cancel", out.trim());
  expect(code).toBe(0);
  expect(err).toContain("cancelled, and not started");
});

test("run --follow stays with a spooled job until its end", async () => {
  await using world = await aServerInAnOutage();
  const ended = world.cli.run("run", "One", "--follow");
  await eventually(() => world.cli.written.err.includes("spooled"));
  world.back();
  const claim = await eventually(() => world.outage.truth.claim(aClaim()));
  await world.outage.truth.finish(claim.lease, { status: "succeeded", patch: { output: "the output" } });
  const { code, out } = await ended;
  expect(code).toBe(0);
  expect(out).toContain("the output");
});

test("who follows a job is told that the store is away and that it is back, and sees everything", async () => {
  await using world = await aServerInAnOutage();
  world.back();
  const { out: id } = await world.cli.run("run", "One");
  const claim = await eventually(() => world.outage.truth.claim(aClaim()));
  const say = (text: string) =>
    world.outage.truth.renew(claim.lease, { leaseMs: 60_000, events: [{ type: "claude.said", data: { text } }] });
  const ended = world.cli.run("job", id.trim(), "--follow");
  await eventually(() => world.cli.written.out.includes("claimed"));
  world.outage.link.is = "away";
  await say("meanwhile");
  await eventually(() => world.cli.written.err.includes("cannot reach its store"));
  world.back();
  await eventually(() => world.cli.written.err.includes("reaches its store again"));
  await world.outage.truth.finish(claim.lease, { status: "succeeded", patch: {} });
  const { code, out } = await ended;
  expect([code, out.match(/meanwhile/g)?.length]).toEqual([0, 1]);
});

test("doctor tells what an outage has left on the disk, and what could not be read of it", async () => {
  const cli = aCli();
  const folder = (name: string) => {
    const path = join(cli.home, ".agenticore/spool", name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const spool = async () =>
    JSON.parse((await cli.run("doctor", "--json")).out).checks.find(({ name }: { name: string }) => name === "spool");
  expect(await spool()).toMatchObject({ state: "ok" });
  writeFileSync(join(folder("submissions"), `${aJobId()}.json`), "{}");
  writeFileSync(join(folder("endings"), `${aJobId()}.3.json`), "{}");
  expect(await spool()).toMatchObject({
    state: "warn",
    says: expect.stringMatching(/^1 job and 1 end of attempts wait/),
  });
  writeFileSync(join(folder("endings"), `${aJobId()}.1.json.broken`), "");
  expect(await spool()).toMatchObject({
    state: "warn",
    says: expect.stringContaining("1 file"),
    mend: expect.any(String),
  });
});
