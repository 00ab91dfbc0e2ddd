import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { aClaim, aRunner } from "../support/a-job.ts";
import { anApi, type Reply, type TestApi } from "../support/an-api.ts";
import { checkOf, OpenApi31 } from "../support/openapi-31.ts";

const documentOf = async (api: TestApi) => (await api.get("/openapi.json")).body;

test("the document has only what OpenAPI 3.1 knows, where it knows it", async () => {
  await using api = await anApi();
  const checked = OpenApi31.safeParse(await documentOf(api));
  expect(checked.error?.issues ?? []).toEqual([]);
});

test("every schema of the document is JSON Schema", async () => {
  await using api = await anApi();
  const document = OpenApi31.parse(await documentOf(api));
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item).flatMap((one) => one ?? []));
  const bodies = operations.flatMap(({ requestBody, responses }) =>
    [requestBody, ...Object.values(responses)].flatMap((one) => Object.values(one?.content ?? {})),
  );
  const schemas = [
    ...Object.values(document.components.schemas),
    ...bodies.map(({ schema }) => schema),
    ...operations.flatMap(({ parameters = [] }) => parameters.map(({ schema }) => schema)),
  ];
  expect(schemas.length).toBeGreaterThan(100);
  for (const schema of schemas) expect(() => checkOf(document, schema), JSON.stringify(schema)).not.toThrow();
});

test("answers are as the document says, good ones and refusals", async () => {
  await using api = await anApi();
  const document = OpenApi31.parse(await documentOf(api));
  await api.store.announce(aRunner());
  const id = await api.submit({ metadata: { team: "a" }, repo_url: "https://github.com/octo/repo" });
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  const patch = { output: "Done", commit: "abc", diff: { files: 1, insertions: 2, deletions: 3 }, cost_usd: 0.5 };
  await api.store.finish(claim.lease, { status: "succeeded", patch });
  const page = { accept: "application/json" };
  const asked: readonly (readonly [operation: string, path: string, Promise<Reply>])[] = [
    ["get", "/jobs/{id}", api.get(`/jobs/${id}`)],
    ["get", "/jobs/{id}", api.get(`/jobs/${randomUUID()}`)],
    ["get", "/jobs/{id}", api.get(`/jobs/${id}?wait=no`)],
    ["get", "/jobs", api.get("/jobs?limit=1")],
    ["get", "/jobs", api.get("/jobs?limit=abc")],
    ["get", "/jobs/{id}/events", api.get(`/jobs/${id}/events`, page)],
    ["post", "/jobs", api.post("/jobs", { task: "x" })],
    ["post", "/jobs", api.post("/jobs", { task: "" })],
    ["post", "/jobs", api.post("/jobs", { task: "x", profile: "none" })],
    ["post", "/jobs/{id}/cancel", api.post(`/jobs/${id}/cancel`)],
    ["post", "/jobs/{id}/messages", api.post(`/jobs/${id}/messages`, { text: "x" })],
    ["post", "/worktrees", api.post("/worktrees", { repo_url: "https://github.com/octo/repo" })],
    ["post", "/worktrees/cleanup", api.post("/worktrees/cleanup", { max_age_hours: 1 })],
    ["get", "/worktrees", api.get("/worktrees")],
    ["get", "/profiles", api.get("/profiles")],
    ["get", "/profiles/{name}", api.get("/profiles/code")],
    ["get", "/runners", api.get("/runners")],
    ["post", "/runners/{name}/drain", api.post("/runners/none/drain")],
    ["get", "/budgets", api.get("/budgets")],
    ["get", "/health", api.get("/health")],
    ["get", "/ready", api.get("/ready")],
  ];
  for (const [method, path, answer] of asked) {
    const { status, headers, body } = await answer;
    const told = document.paths[path]?.[method as "get" | "post"]?.responses[status];
    expect(told, `${method} ${path} answers ${status}`).toBeDefined();
    const schema = told?.content?.[(headers.get("content-type") ?? "").replace(/;.*/, "")]?.schema;
    expect(schema, `${method} ${path} answers ${status} as ${headers.get("content-type")}`).toBeDefined();
    const checked = checkOf(document, schema ?? {}).safeParse(body);
    expect(checked.error?.issues ?? [], `${method} ${path} answers ${status}`).toEqual([]);
  }
});
