import { expect, test } from "vitest";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aNewJob, aRunner } from "../support/a-job.ts";
import { aServedApi } from "../support/a-served-api.ts";
import { eventually } from "../support/eventually.ts";

const against = (url: string) => aCli({ env: { AGENTICORE_URL: url } });

test("run prints the job's id and nothing else on standard output", async () => {
  await using server = await aServedApi();
  const { code, out, err } = await against(server.url).run("run", "Add a test", "-p", "review", "--priority", "3");

  expect(code).toBe(0);
  const job = await server.store.get(out.trim() as never);
  expect(job).toMatchObject({ task: "Add a test", profile: "review", priority: 3, status: "queued" });
  expect(err).toContain(`agenticore job ${job?.id} --follow`);
});

test("run --json prints the body of the REST API", async () => {
  await using server = await aServedApi();
  const { out } = await against(server.url).run("run", "Add a test", "--json");

  expect(JSON.parse(out)).toMatchObject({ success: true, job: { task: "Add a test", status: "queued" } });
});

test.each([
  [["run", "--", "--verbose has no effect"], "--verbose has no effect"],
  [["run", "-p", "code", "--", "-r"], "-r"],
])("after `--` a task may begin with a dash: %j", async (line, task) => {
  await using server = await aServedApi();
  const cli = against(server.url);
  const { code, out } = await cli.run(...line);

  expect(code).toBe(0);
  expect(await server.store.get(out.trim() as never)).toMatchObject({ task });
});

test("a task can come from standard input, as long as the API takes it", async () => {
  await using server = await aServedApi();
  const long = "word ".repeat(19_999);
  const cli = aCli({ env: { AGENTICORE_URL: server.url }, input: long });
  const { out } = await cli.run("run", "-");
  expect((await server.store.get(out.trim() as never))?.task).toBe(long);

  const tooLong = aCli({ env: { AGENTICORE_URL: server.url }, input: "x".repeat(100_001) });
  const refused = await tooLong.run("run", "-");
  expect({ code: refused.code, out: refused.out }).toEqual({ code: 1, out: "" });
  expect(refused.err).toContain("task: at most 100000 characters");

  const empty = await against(server.url).run("run", "-");
  expect(empty).toMatchObject({ code: 2, out: "" });
});

test("whether there is a job of a whole id is the server's to say, whatever the kind of UUID", async () => {
  await using server = await aServedApi();
  const { code, err } = await against(server.url).run("job", "0190A7CC-0000-7000-8000-000000000000");

  expect(code).toBe(1);
  expect(err).toContain("There is no job 0190a7cc-0000-7000-8000-000000000000.");
});

test("what the server refuses ends with 1, its sentence and its remedy", async () => {
  await using server = await aServedApi();
  const { code, out, err } = await against(server.url).run("run", "x", "-p", "nope");

  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/code, review/);
});

test("jobs lists the newest first, and as many pages as were asked for", async () => {
  await using server = await aServedApi();
  for (let index = 0; index < 105; index += 1) await server.store.submit(aNewJob({ job: { task: `task ${index}` } }));
  const cli = against(server.url);

  const all = JSON.parse((await cli.run("jobs", "-n", "104", "--json")).out);
  expect(all).toMatchObject({ success: true, count: 104 });
  expect(all.jobs[0].task).toBe("task 104");
  expect(new Set(all.jobs.map((job: { id: string }) => job.id)).size).toBe(104);

  const few = await cli.run("jobs", "-n", "2");
  expect(few.out.trim().split("\n")).toHaveLength(3);
  expect(few.out).toMatch(/^JOB +STATUS[\s\S]*queued .* task 104\n/);
  expect(few.err).toContain("-n gives more");
});

test("jobs -s shows only jobs in that state, and says when there is none", async () => {
  await using server = await aServedApi();
  await server.store.submit(aNewJob());
  const cli = against(server.url);

  expect((await cli.run("jobs", "-s", "queued")).out).toContain("queued");
  expect(await cli.run("jobs", "-s", "failed")).toMatchObject({ code: 0, out: "", err: "No job is failed.\n" });
});

test("job takes the beginning of an id, as a branch has it, and refuses one that fits several", async () => {
  await using server = await aServedApi();
  const ids = [
    "11111111-aaaa-4aaa-8aaa-000000000001",
    "11111111-aaaa-4aaa-8aaa-000000000002",
    "22222222-aaaa-4aaa-8aaa-000000000003",
  ];
  for (const id of ids) await server.store.submit(aNewJob({ job: { id: id as never } }));
  const cli = against(server.url);

  expect((await cli.run("job", "agenticore-22222222")).out).toContain(ids[2]);
  expect(await cli.run("job", "11111111")).toMatchObject({ code: 2, err: expect.stringContaining("2 jobs") });
  expect(await cli.run("job", "33333333")).toMatchObject({ code: 2, err: expect.stringContaining("No job among") });
  expect(await cli.run("job", "33333333-aaaa-4aaa-8aaa-000000000003")).toMatchObject({ code: 1 });
});

test("a failed job shows what happened, why, and what to do", async () => {
  await using server = await aServedApi();
  const { job } = await server.store.submit(aNewJob());
  const claim = await server.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  await server.store.finish(claim.lease, {
    status: "failed",
    patch: {
      error: "The turn limit was reached.",
      error_code: "max_turns",
      remedy: "Raise it.",
      cost_usd: 0.1234,
      output: "Half \u001b[31mdone\u0007",
    },
  });
  const { code, out } = await against(server.url).run("job", job.id);

  expect(code).toBe(0);
  expect(out).toContain("The turn limit was reached. [max_turns]");
  expect(out).toContain("Raise it.");
  expect(out).toContain("$0.12");
  expect(out).toContain("Half done");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an agent's output must not steer the terminal.
  expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
});

test("cancel ends a queued job, asks a running one to end, and leaves an ended one alone", async () => {
  await using server = await aServedApi();
  const cli = against(server.url);
  const { job: running } = await server.store.submit(aNewJob({ job: { priority: 1 } }));
  await server.store.claim(aClaim());
  const { job: queued } = await server.store.submit(aNewJob());

  expect(await cli.run("cancel", queued.id)).toMatchObject({ code: 0, out: `${queued.id} cancelled\n` });
  expect(await cli.run("cancel", running.id)).toMatchObject({ code: 0, err: expect.stringContaining("being stopped") });
  expect((await server.store.get(running.id))?.cancel_requested_at).toBeDefined();
  expect(await cli.run("cancel", queued.id)).toMatchObject({ code: 0, out: `${queued.id} cancelled\n` });
});

test("a message is kept for a running job, an ended one is retried, and the other way round is refused", async () => {
  await using server = await aServedApi();
  const cli = against(server.url);
  const { job } = await server.store.submit(aNewJob());

  expect(await cli.run("message", job.id, "Also the docs", "--interrupt")).toMatchObject({ code: 0, out: "" });
  const { events } = await server.store.events(job.id, {});
  expect(events.find((event) => event.type === "message.received")?.data).toMatchObject({ mode: "interrupt" });
  expect(await cli.run("retry", job.id)).toMatchObject({ code: 1, out: "" });
  expect(await cli.run("publish", job.id)).toMatchObject({
    code: 1,
    err: expect.stringContaining("only an ended job"),
  });
  await cli.run("cancel", job.id);
  expect(await cli.run("message", job.id, "Too late")).toMatchObject({ code: 1, out: "" });
  expect(await cli.run("retry", job.id)).toMatchObject({ code: 0, out: `${job.id} queued\n` });
});

test("profiles lists what can be used", async () => {
  await using server = await aServedApi();
  const { code, out } = await against(server.url).run("profiles");

  expect(code).toBe(0);
  expect(out).toMatch(/^PROFILE[\s\S]*\ncode [\s\S]*Writes code\nreview [\s\S]*Reads only\n$/);
});

test("status shows server, store and runners; a server without a runner says so", async () => {
  await using server = await aServedApi();
  const cli = against(server.url);
  expect(await cli.run("status")).toMatchObject({ code: 0, err: expect.stringContaining("agenticore runner") });

  await server.store.announce(aRunner({ name: "box-7" }));
  const { code, out } = await cli.run("status");
  expect(code).toBe(0);
  expect(out).toMatch(/up agenticore 0\.1\.0 at http[\s\S]*up store[\s\S]*box-7 .*0\/3/);
  expect(JSON.parse((await cli.run("status", "--json")).out)).toMatchObject({
    ready: true,
    runners: [{ name: "box-7" }],
  });
});

test("W-72: a key is sent: the client's own, or one of this machine's server", async () => {
  await using server = await aServedApi({ AGENTICORE_API_KEYS: "a-key-of-the-server" });
  const port = String(server.api.port);

  expect(await against(server.url).run("jobs")).toMatchObject({ code: 1, err: expect.stringContaining("API key") });
  const withKey = aCli({ env: { AGENTICORE_URL: server.url, AGENTICORE_API_KEY: "a-key-of-the-server" } });
  expect(await withKey.run("jobs")).toMatchObject({ code: 0 });
  const same = aCli({ env: { AGENTICORE_PORT: port, AGENTICORE_API_KEYS: "a-key-of-the-server" } });
  expect(await same.run("jobs")).toMatchObject({ code: 0 });
});

test("W-04: drain waits until the runner has ended, and no longer than it is told", async () => {
  await using server = await aServedApi();
  const cli = against(server.url);
  const runner = aRunner({ name: "box-7", id: "box-7/a" });
  await server.store.announce({ ...runner, running: ["7b5ac5b4-6d3c-4d1c-9d0e-6f5a0f7a9f11" as never] });

  const late = await cli.run("drain", "box-7", "--timeout", "0");
  expect(late).toMatchObject({ code: 1, out: "" });
  expect(late.err).toContain("still has 1 job");
  // Without a job by its last word, which may be older than its last claim.
  expect((await server.store.announce(runner)).drain).toBe(true);
  expect((await cli.run("drain", "box-7", "--timeout", "0")).err).toContain("has not ended");
  const drained = cli.run("drain", "box-7", "--json");
  await eventually(() => cli.written.err.includes("takes no more jobs"), { what: "it is asked to drain" });
  await server.store.retire("box-7/a");
  expect(await drained).toMatchObject({ code: 0, out: expect.stringContaining('"running":0') });
  expect(await cli.run("drain", "nobody")).toMatchObject({ code: 1, out: "" });
});
