import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { type ApiClient, apiClient, NoServer } from "../../shared/client.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { Secret } from "../../shared/secret.ts";
import { aClaim, aRunner } from "../support/a-job.ts";
import { aServedApi } from "../support/a-served-api.ts";
import { anApi } from "../support/an-api.ts";

const clientOf = (url: string, key?: string) =>
  apiClient({ url, fetch: globalThis.fetch, clock: systemClock, ...(key ? { apiKey: new Secret(key) } : {}) });

test("the client speaks every route of the server", async () => {
  await using served = await aServedApi({ AGENTICORE_API_KEYS: "a-key-of-the-test" });
  const client = clientOf(`${served.url}/`, "a-key-of-the-test");
  await served.store.announce(aRunner());

  const { job, replayed } = await client.submit({ task: "Add a test" }, { idempotencyKey: "k" });
  expect(await client.submit({ task: "Add a test" }, { idempotencyKey: "k" })).toEqual({ job, replayed: true });
  expect(replayed).toBe(false);
  expect(await client.job(job.id)).toEqual(job);
  expect((await client.jobs({ status: "queued", limit: 1 })).jobs).toHaveLength(1);
  expect((await client.message(job.id, { text: "Hello" })).id).toBe(job.id);
  await expect(client.answer(job.id, { question_id: job.id, decision: "allow" })).rejects.toThrow("no open question");
  expect((await client.cancel(job.id)).status).toBe("cancelled");
  expect((await client.events(job.id)).events.map((event) => event.type)).toContain("job.cancelled");
  expect((await client.retry(job.id)).status).toBe("queued");
  expect((await client.profiles()).map((profile) => profile.name)).toEqual(["code", "review"]);
  expect((await client.profile("review")).name).toBe("review");
  expect(await client.runners()).toMatchObject([{ name: "box-1", running: 0 }]);
  expect((await client.budgets("https://h/r")).budgets).toEqual([]);
  expect(await client.drain("box-1")).toBe(1);
  expect((await client.health()).service).toBe("agenticore");
  expect(await client.ready()).toEqual({ status: "ready", parts: { store: { ok: true } } });
  expect(await client.metrics()).toContain("agenticore_jobs");
});

test("worktrees are prepared, read and removed", async () => {
  await using served = await aServedApi();
  const client = clientOf(served.url);
  const { id } = await client.prepareWorktree({ repo_url: "https://github.com/octo/repo" });
  expect(await client.worktree(id)).toMatchObject({ id, status: "preparing" });
  const claim = await served.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  const at = new Date().toISOString();
  const place = { repo_url: "https://github.com/octo/repo", repo_key: "https://github.com/octo/repo", pool: "default" };
  const record = { ...place, id, tenant: "local", job: claim.job.id, box: "b", created_at: at, used_at: at };
  await served.store.saveWorktree(claim.lease, { ...record, status: "ready", pushed: false });
  await served.store.finish(claim.lease, { status: "succeeded", patch: {} });

  expect(await client.worktrees()).toMatchObject([{ id, status: "ready", pushed: false }]);
  await expect(client.removeWorktree(id)).rejects.toMatchObject({ code: "conflict" });
  expect(await client.removeWorktree(id, { force: true })).toMatchObject({ kind: "cleanup", status: "queued" });
  expect(await client.cleanupWorktrees({ worktree_ids: [id], force: true })).toHaveLength(1);
});

/** What has no method: the same as another one, or for programs that find out where to log in. */
const withoutMethod = [
  "DELETE /jobs/{id}",
  "GET /.well-known/oauth-protected-resource",
  "GET /.well-known/oauth-protected-resource/mcp",
];

test("the client has a method for every route of the document", async () => {
  await using api = await anApi();
  const { paths } = (await api.get("/openapi.json")).body as { paths: Record<string, object> };
  const asked = new Set<string>();
  const client = apiClient({
    url: "http://127.0.0.1",
    fetch: async (input, init) => {
      asked.add(`${init?.method} ${new URL(String(input)).pathname}`);
      return Response.json({}, { status: 404 });
    },
  });
  const id = randomUUID();
  const calls: Record<Exclude<keyof ApiClient, "url">, () => Promise<unknown>> = {
    submit: () => client.submit({ task: "x" }),
    job: () => client.job(id),
    jobs: () => client.jobs(),
    cancel: () => client.cancel(id),
    retry: () => client.retry(id),
    publish: () => client.publish(id),
    message: () => client.message(id, { text: "x" }),
    answer: () => client.answer(id, { question_id: id, decision: "allow" }),
    events: () => client.events(id),
    follow: () => client.follow(id).next(),
    waitForEnd: () => client.waitForEnd(id),
    profiles: () => client.profiles(),
    profile: () => client.profile("code"),
    prepareWorktree: () => client.prepareWorktree({ repo_url: "https://h/r" }),
    worktrees: () => client.worktrees(),
    worktree: () => client.worktree(id),
    removeWorktree: () => client.removeWorktree(id),
    cleanupWorktrees: () => client.cleanupWorktrees({ max_age_hours: 1 }),
    budgets: () => client.budgets(),
    runners: () => client.runners(),
    drain: () => client.drain("box-1"),
    health: () => client.health(),
    ready: () => client.ready(),
    metrics: () => client.metrics(),
  };

  for (const call of Object.values(calls)) await expect(call()).rejects.toBeInstanceOf(NoServer);

  const routes = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const isAsked = (route: string) =>
    [...asked].some((one) => new RegExp(`^${route.replace(/\{[a-z]+\}/g, "[^/]+")}$`).test(one));
  expect(routes.filter((route) => !isAsked(route)).sort()).toEqual(withoutMethod);
});

test("the reference of the client tells of every method", async () => {
  const page = readFileSync(new URL("../../docs/reference/client.md", import.meta.url), "utf8");
  const { url, ...methods } = clientOf("http://127.0.0.1:9");
  for (const name of Object.keys(methods)) expect(page).toMatch(new RegExp(`^### \`${name}\\(`, "m"));
});

test("with wait the client has the ended job", async () => {
  await using served = await aServedApi();
  const waiting = clientOf(served.url).submit({ task: "Add a test" }, { wait: true, waitSeconds: 60 });
  let claim = await served.store.claim(aClaim());
  while (!claim) {
    await served.store.changed({ timeoutMs: 1_000 });
    claim = await served.store.claim(aClaim());
  }
  await served.store.finish(claim.lease, { status: "succeeded", patch: {} });

  expect((await waiting).job.status).toBe("succeeded");
});

test("a problem of the server is thrown as the same error, with its code, remedy and fields", async () => {
  await using served = await aServedApi();
  const client = clientOf(served.url);
  await expect(client.job(randomUUID())).rejects.toMatchObject({ code: "not_found" });
  await expect(client.submit({ task: "x", profile: "cdoe" })).rejects.toMatchObject({
    code: "profile_not_found",
    message: "There is no profile named cdoe; there are: code, review.",
    errors: [{ path: "profile", message: "must be one of: code, review" }],
  });
});

test("where nothing listens the error names the address and what to do", async () => {
  const failing = clientOf("http://127.0.0.1:9").health();
  await expect(failing).rejects.toBeInstanceOf(NoServer);
  await expect(failing).rejects.toMatchObject({
    message: "No server answers at http://127.0.0.1:9 (bad port).",
    remedy: expect.stringContaining("agenticore serve"),
  });
});

test.each([
  { status: 404, type: "text/html", body: "<h1>Not here</h1>", sentence: "is not Agenticore" },
  { status: 200, type: "application/json", body: "[]", sentence: "is not an Agenticore server" },
  { status: 302, type: "text/html", body: "", sentence: "sends on to https://login.example/" },
])("another program at the address is told as such ($status)", async ({ status, type, body, sentence }) => {
  await using other = await aProgram((answer) => {
    answer.writeHead(status, {
      "content-type": type,
      ...(status === 302 ? { location: "https://login.example/" } : {}),
    });
    answer.end(body);
  });
  const failing = clientOf(other.url).jobs();
  await expect(failing).rejects.toBeInstanceOf(NoServer);
  await expect(failing).rejects.toThrow(sentence);
  const following = clientOf(other.url).follow(randomUUID()).next();
  await expect(following).rejects.toThrow(sentence);
});

test("a proxy whose server is down is a passing failure, and no server", async () => {
  await using proxy = await aProgram((answer) =>
    answer.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>"),
  );
  const failing = clientOf(proxy.url).jobs();
  await expect(failing).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(failing).rejects.toBeInstanceOf(NoServer);
});

test("a call that is given up ends with the signal's reason", async () => {
  await using silent = await aProgram(() => undefined);
  const stop = new AbortController();
  const calling = clientOf(silent.url).jobs({}, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(calling).rejects.toThrow("enough");
});

async function aProgram(answer: (response: import("node:http").ServerResponse) => void) {
  const server = createServer((_request, response) => answer(response)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
