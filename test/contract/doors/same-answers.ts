import { resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, test } from "vitest";
import { aCli } from "../../support/a-cli.ts";
import { anMcpClient, anSseClient, eras, type McpClient, mcpClient, negotiation } from "../../support/an-mcp-client.ts";
import type { Place } from "./door-contract.ts";
import type { Caller } from "./door-world.ts";

type Request = Readonly<Record<string, string | number>>;
type Body = Readonly<Record<string, unknown>>;
/** The success body, or the problem. */
type Answer = Readonly<{ ok: boolean; body: Body }>;
/** One way to ask the same. */
type Asker = Readonly<{
  submit: (request: Request) => Promise<Answer>;
  get: (id: string) => Promise<Answer>;
  list: (status: string) => Promise<Answer>;
  cancel: (id: string) => Promise<Answer>;
}>;

const program = resolve(import.meta.dirname, "../../../bin/agenticore.js");
const nowhere = "00000000-0000-4000-8000-000000000000";

const overRest = ({ send, get }: Caller): Asker => {
  const answer = async (asked: ReturnType<Caller["get"]>): Promise<Answer> => {
    const { status, body } = await asked;
    return { ok: status < 300, body };
  };
  return {
    submit: (request) => answer(send("POST", "/jobs", request)),
    get: (id) => answer(get(`/jobs/${id}`)),
    list: (status) => answer(get(`/jobs?status=${status}`)),
    cancel: (id) => answer(send("POST", `/jobs/${id}/cancel`)),
  };
};

const overMcp = ({ call }: McpClient): Asker => {
  const ask = async (name: string, args: Record<string, unknown>): Promise<Answer> => {
    const { isError, body } = await call(name, args);
    return { ok: !isError, body };
  };
  return {
    submit: (request) => ask("run_task", request),
    get: (job_id) => ask("get_job", { job_id }),
    list: (status) => ask("list_jobs", { status }),
    cancel: (job_id) => ask("cancel_job", { job_id }),
  };
};

/** What the command line says of itself, with 2, in words of its own. */
const wrongUsage = "wrong usage, for which no server is asked";
/** Of the questions below: an address that is none, and a pool's name that is none. */
const wronglyUsed: readonly number[] = [14, 18];

/** What is said to a person is the problem's sentence, on the first line. */
const overCli = (url: string, key: string): Asker => {
  const cli = aCli({ env: { AGENTICORE_URL: url, AGENTICORE_API_KEY: key } });
  const ask = async (...argv: readonly string[]): Promise<Answer> => {
    const { code, out, err } = await cli.run(...argv, "--json");
    if (code === 0) return { ok: true, body: JSON.parse(out) };
    if (code === 2) return { ok: false, body: { error: wrongUsage } };
    return { ok: false, body: { error: err.split("\n")[0]?.replace(/^error: /, "") } };
  };
  const option = (name: string) => `--${name.replace("repo_url", "repo").replaceAll("_", "-")}`;
  return {
    submit: ({ task, ...request }) =>
      ask("run", ...Object.entries(request).flatMap(([name, value]) => [option(name), `${value}`]), `${task}`),
    get: (id) => ask("job", id),
    list: (status) => ask("jobs", "--status", status),
    cancel: (id) => ask("cancel", id),
  };
};

/** The same questions to each, and what came of them; ids in the order in which they came, and no times. */
async function answersOf({ submit, get, list, cancel }: Asker, pool: string): Promise<readonly Answer[]> {
  const made = await submit({ task: "Add a test", pool, profile: "review", priority: 3, timeout_seconds: 60 });
  const id = (made.body["job"] as { id: string } | undefined)?.id ?? "";
  const other = await submit({ task: "Add another", pool });
  const answers = [
    ...[made, other, await get(id), await list("queued"), await cancel(id), await cancel(id), await get(id)],
    ...[await list("queued"), await list("cancelled"), await list("running")],
    ...[await get(nowhere), await cancel(nowhere)],
    await submit({ task: "x", pool, profile: "nobody-has-it" }),
    await submit({ task: "x", pool, repo_url: "http://elsewhere.example/r" }),
    await submit({ task: "x", pool, repo_url: "ext::sh" }),
    await submit({ task: "x", pool, session_id: nowhere }),
    await submit({ task: "x", pool, worktree_id: nowhere }),
    await submit({ task: "x".repeat(100_001), pool }),
    await submit({ task: "x", pool: "NO POOL" }),
  ];
  const ids: string[] = [];
  const text = JSON.stringify(answers.map(({ ok, body }) => ({ ok, body: plain(ofPool(body, pool)) })))
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (found) => {
      if (!ids.includes(found)) ids.push(found);
      return `ID-${ids.indexOf(found)}`;
    })
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/cancelled by (?:key laptop|local)/g, "cancelled by SOMEBODY")
    .replaceAll(pool, "POOL");
  return JSON.parse(text) as Answer[];
}

/** Without jobs of others: over stdio all are of one tenant. */
function ofPool({ jobs, count, ...body }: Body, pool: string): Body {
  if (!Array.isArray(jobs)) return body;
  const own = jobs.filter((job) => job.pool === pool);
  return { ...body, jobs: own, count: Number(count) - (jobs.length - own.length) };
}

/** What belongs to one way of asking: how a model goes on, which request it was, what the field is called in. */
function plain({ hint, request_id, next_cursor, ...body }: Body): Body {
  const { error, detail, ...rest } = body;
  const said = (text: unknown) => `${text}`.replace(/^The (?:request|call of \w+) is not valid/, "It is not valid");
  return {
    ...rest,
    ...(error === undefined ? {} : { error: said(error) }),
    ...(detail === undefined ? {} : { detail: said(detail) }),
  };
}

const sentences = (answers: readonly Answer[]) =>
  answers.map(({ ok, body }) => (ok ? { ok, body } : { ok, error: body["error"] }));

export function sameAnswers({ door, caller, world }: Place): void {
  const askRest = async () => {
    const me = await caller();
    const answers = await answersOf(overRest(me), me.pool);
    // They are answers: none of these questions is refused for a reason of the test's own.
    expect(answers.map(({ ok }) => ok)).toEqual([...Array(10).fill(true), ...Array(9).fill(false)]);
    expect(new Set(answers.slice(10).map(({ body }) => body["code"]))).toEqual(
      new Set(["not_found", "profile_not_found", "repo_not_allowed", "invalid_request", "session_not_found"]),
    );
    return answers;
  };
  let asked: ReturnType<typeof askRest> | undefined;
  const rest = () => {
    asked ??= askRest();
    return asked;
  };

  test.each(eras)(
    "the same questions have the same answers over REST and over MCP of the %s revisions",
    async (era) => {
      const me = await caller();
      await using agent = await anMcpClient(undefined, { era, url: `${door().url}/mcp`, headers: me.as });
      expect(await answersOf(overMcp(agent), me.pool)).toEqual(await rest());
    },
  );

  test("they have the same over HTTP+SSE", async () => {
    const me = await caller();
    await using agent = await anSseClient(door().url, { headers: me.as });
    expect(await answersOf(overMcp(agent), me.pool)).toEqual(await rest());
  });

  test("and on the command line, where a person reads the sentence of each problem", async () => {
    const me = await caller();
    const answers = await answersOf(overCli(door().url, me.as.authorization.replace("Bearer ", "")), me.pool);
    const theirs = sentences(await rest());
    expect(sentences(answers)).toEqual(
      theirs.map((one, index) => (wronglyUsed.includes(index) ? { ok: false, error: wrongUsage } : one)),
    );
  });

  test.each(eras)("and over stdio of the %s revisions, by a process of its own over the same Redis", async (era) => {
    const { home } = aCli();
    const env = { ...world().env, HOME: home, PATH: process.env["PATH"] ?? "" };
    const args = [program, "serve", "--transport", "stdio", "--no-runner"];
    const client = new Client({ name: "test", version: "1" }, negotiation(era));
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env, stderr: "ignore" }));
    await using agent = mcpClient(client);
    const answers = await answersOf(overMcp(agent), `p-stdio-${era}`);
    expect(answers).toEqual(await rest());
  });
}
