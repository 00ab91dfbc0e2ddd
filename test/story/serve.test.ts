import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { threadsOf } from "../support/threads-of.ts";

const program = resolve(import.meta.dirname, "../../bin/agenticore.js");

function aHome(): string {
  const home = mkdtempSync(join(tmpdir(), "agenticore-serve-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  return home;
}

/** One `agenticore …` in a process of its own. */
function started(home: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: home, AGENTICORE_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk));
  let code: number | null | undefined;
  child.once("close", (how) => (code = how));
  const hanging = () => `it ends; it said ${out}${err} and its threads are in:\n${threadsOf(child.pid ?? 0)}`;
  const ended = async () => {
    await eventually(() => code !== undefined, { deadlineMs: 120_000, what: hanging });
    return { code, out, err };
  };
  const listening = () =>
    eventually(() => /listening on (http:\/\/\S+)/.exec(err)?.[1], { what: () => `it listens; it said ${err}` });
  return { child, ended, listening, err: () => err };
}

test("serve says where it listens and what to do next, and a signal ends it with 0", async () => {
  const server = started(aHome(), ["serve", "--no-runner"]);
  const url = await server.listening();
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ok", service: "agenticore" });
  server.child.kill("SIGTERM");

  const { code, out, err } = await server.ended();
  expect({ code, out }).toEqual({ code: 0, out: "" });
  expect(err).toContain(`AGENTICORE_URL=${url} `);
});

test("a port that is taken is told of, with 1", async () => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;

  const { code, err } = await started(aHome(), ["serve", "--no-runner", "--port", String(port)]).ended();

  expect(code).toBe(1);
  expect(err).toContain(`Port ${port} of 127.0.0.1 is in use`);
});

test("without keys only a loopback address is served", async () => {
  const { code, err } = await started(aHome(), ["serve", "--host", "0.0.0.0"]).ended();

  expect(code).toBe(1);
  expect(err).toContain("AGENTICORE_API_KEYS");
});

test("a Redis over HTTP without its token is refused with a sentence", async () => {
  const redis = await started(aHome(), ["serve"], { REDIS_URL: "https://redis.example" }).ended();
  expect(redis).toMatchObject({ code: 1, out: "", err: expect.stringContaining("REDIS_TOKEN") });
});

test("two servers on one data folder know the same jobs", async () => {
  const home = aHome();
  const servers = [started(home, ["serve", "--no-runner"]), started(home, ["serve", "--no-runner"])];
  const [first = "", second = ""] = await Promise.all(servers.map((server) => server.listening()));
  const id = (await started(home, ["run", "Add a test"], { AGENTICORE_URL: first }).ended()).out.trim();

  const seen = await started(home, ["job", id, "--json"], { AGENTICORE_URL: second }).ended();
  expect(JSON.parse(seen.out)).toMatchObject({ job: { id, status: "queued" } });

  const followed = started(home, ["job", id, "--follow"], { AGENTICORE_URL: first });
  await started(home, ["cancel", id], { AGENTICORE_URL: second }).ended();
  expect(await followed.ended()).toMatchObject({ code: 1, out: expect.stringContaining("cancelled") });
});

test("a reader that goes away early is no error", async () => {
  const home = aHome();
  const child = spawn("/bin/sh", ["-c", `"${process.execPath}" "${program}" config | head -1`], {
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => (err += chunk));
  expect(await new Promise((done) => child.once("close", done))).toBe(0);
  expect(err).toBe("");
});

test("where nobody reads what is said, a command ends as it would, and a server goes on", async () => {
  const home = aHome();
  const deaf = started(home, ["jobs", "--nope"]);
  deaf.child.stderr.destroy();
  expect((await deaf.ended()).code).toBe(2);

  const server = started(home, ["serve", "--no-runner"]);
  const url = await server.listening();
  server.child.stderr.destroy();
  const post = (body: string) =>
    fetch(`${url}/jobs`, { method: "POST", body, headers: { origin: "https://evil.example" } });
  for (let n = 0; n < 3; n++) expect((await post("{}")).status, "refused, which the log says").toBe(403);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test.each(["bash", "zsh", "fish"])("completion %s prints a script that asks this program", async (shell) => {
  const { code, out, err } = await started(aHome(), ["completion", shell]).ended();

  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("agenticore complete");
});

test("completion knows commands, options and their choices", async () => {
  const home = aHome();
  const complete = async (...words: string[]) => (await started(home, ["complete", "--", ...words]).ended()).out;

  expect(await complete("")).toMatch(/^run\t[\s\S]*^doctor\t/m);
  expect(await complete("run", "--")).toMatch(/^--follow\t/m);
  expect(await complete("jobs", "--status", "")).toMatch(/^running/m);
});
