import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import type { Claim } from "../../shared/store.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { aConfig, aServedApi } from "../support/a-served-api.ts";
import { eventually } from "../support/eventually.ts";

/** A job that the test works on as a runner would. */
async function aRunningJob() {
  const server = await aServedApi();
  const { job } = await server.store.submit(aNewJob());
  const claim = (await server.store.claim(aClaim())) as Claim;
  const cli = aCli({ env: { AGENTICORE_URL: server.url } });
  return {
    server,
    cli,
    id: job.id,
    say: (text: string) =>
      server.store.renew(claim.lease, { leaseMs: 360_000, events: [{ type: "claude.said", data: { text } }] }),
    end: (status: "succeeded" | "failed") =>
      server.store.finish(claim.lease, { status, patch: { output: "the output", cost_usd: 0.5 } }),
    shows: (text: string) =>
      eventually(() => cli.written.out.includes(text), { what: () => `${text} in ${cli.written.out}` }),
    tells: (text: string) =>
      eventually(() => cli.written.err.includes(text), { what: () => `${text} in ${cli.written.err}` }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("job --follow shows what happened and what happens, then the job, and ends with 0", async () => {
  await using job = await aRunningJob();
  const ended = job.cli.run("job", job.id, "--follow");
  await job.shows("claimed by box-1");
  await job.say("I look at the parser.");
  await job.shows("I look at the parser.");
  await job.end("succeeded");

  const { code, out } = await ended;
  expect(code).toBe(0);
  expect(out).toMatch(/queued\n[\s\S]*claimed by box-1\n[\s\S]*I look at the parser\.\n[\s\S]*succeeded\n/);
  expect(out).toContain("the output");
});

test("a job that does not succeed ends with 1", async () => {
  await using job = await aRunningJob();
  await job.end("failed");

  expect((await job.cli.run("job", job.id, "--follow")).code).toBe(1);
});

test("with --json every line is one event, and the last one the job", async () => {
  await using job = await aRunningJob();
  await job.say("one\ntwo");
  await job.end("succeeded");

  const lines = (await job.cli.run("job", job.id, "--follow", "--json")).out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.slice(0, -1).map((event) => event.type)).toEqual([
    "job.queued",
    "job.claimed",
    "claude.said",
    "job.succeeded",
  ]);
  expect(lines.at(-1)).toMatchObject({ success: true, job: { id: job.id, status: "succeeded" } });
});

test("run --wait prints the ended job only; its id is told at once", async () => {
  await using server = await aServedApi();
  const cli = aCli({ env: { AGENTICORE_URL: server.url } });
  const ended = cli.run("run", "Add a test", "--wait", "--json");
  const claim = await eventually(() => server.store.claim(aClaim()), { what: "the job is there" });
  await eventually(() => cli.written.err.includes(claim.job.id), { what: "its id is told" });
  expect(cli.written.out).toBe("");
  await server.store.finish(claim.lease, { status: "succeeded", patch: {} });

  const { code, out } = await ended;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ success: true, job: { status: "succeeded" } });
});

test("a server that goes away and comes back is followed on: nothing is missing, nothing comes twice", async () => {
  await using job = await aRunningJob();
  const { store, api } = job.server;
  const ended = job.cli.run("job", job.id, "--follow");
  await job.say("before");
  await job.shows("before");
  await api.close();
  await job.tells("Trying again");
  await job.say("meanwhile");
  const again = await startApi({
    config: aConfig(),
    store,
    profiles: [],
    clock: systemClock,
    log: silentLog,
    version: "0.1.0",
    host: "127.0.0.1",
    port: api.port,
  });
  try {
    await job.shows("meanwhile");
    await job.end("succeeded");
    const { code, out, err } = await ended;
    expect(code).toBe(0);
    for (const word of ["queued", "claimed", "before", "meanwhile"]) expect(out.split(word)).toHaveLength(2);
    expect(err).toContain("Connected again.");
  } finally {
    await again.close();
  }
});

test("Ctrl-C says that the job goes on and how to cancel it; pressed again it leaves with 130", async () => {
  await using job = await aRunningJob();
  const ended = job.cli.run("job", job.id, "--follow");
  await job.shows("claimed");
  job.cli.signal("SIGINT");
  // The same key press, passed on by npx.
  job.cli.signal("SIGINT");
  expect(job.cli.written.err).toContain(`agenticore cancel ${job.id}`);
  await job.say("still here");
  await job.shows("still here");
  const pressAgain = () => {
    job.cli.signal("SIGINT");
    return job.cli.listeners() === 0;
  };
  await eventually(pressAgain, { what: "it leaves" });

  expect((await ended).code).toBe(130);
  expect((await job.server.store.get(job.id))?.status).toBe("running");
});

test("on a terminal a line tells state and cost while waiting, and is taken away at the end", async () => {
  await using server = await aServedApi();
  const { job } = await server.store.submit(aNewJob());
  const claim = (await server.store.claim(aClaim())) as Claim;
  const cli = aCli({ env: { AGENTICORE_URL: server.url }, terminal: 90 });
  const ended = cli.run("job", job.id, "--follow");
  await server.store.renew(claim.lease, {
    leaseMs: 360_000,
    events: [
      { type: "tool.started", data: { tool: "Bash", tool_use_id: "t", input: "npm test" } },
      {
        type: "usage.updated",
        data: {
          cost_usd: 1.5,
          usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
        },
      },
    ],
  });
  await eventually(() => cli.written.err.includes("running Bash") && cli.written.err.includes("$1.50"), {
    what: () => `the line in ${JSON.stringify(cli.written.err)}`,
  });
  await server.store.finish(claim.lease, { status: "succeeded", patch: {} });

  await ended;
  expect(cli.written.err.endsWith("\r\u001b[2K")).toBe(true);
});
