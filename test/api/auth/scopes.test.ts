import { expect, test } from "vitest";
import { Scope } from "../../../shared/api-key.ts";
import { Secret } from "../../../shared/secret.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";

const asking = { settings: { requireKeys: true, loopbackOnly: false } };

/** Every operation of the document with the least that it takes. */
async function operations(api: TestApi, headers: Record<string, string>) {
  const { paths } = (await api.get("/openapi.json", headers)).body as { paths: Record<string, object> };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ path, method: method.toUpperCase() })),
  );
}
const id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const bodies: Readonly<Record<string, object>> = {
  "POST /jobs": { task: "Add a test" },
  "POST /jobs/{id}/messages": { text: "Hello" },
  "POST /jobs/{id}/answers": { question_id: id, decision: "allow" },
  "POST /worktrees": { repo_url: "https://github.com/octo/one" },
  "POST /worktrees/cleanup": { max_age_hours: 1 },
};

/** What a key with these scopes is answered by each operation. */
async function answers(scopes: readonly Scope[]) {
  await using api = await anApi(asking);
  const { as } = await savedKey(api.store, { scopes });
  const all = [];
  for (const { path, method } of await operations(api, as)) {
    const body = method === "POST" ? { body: JSON.stringify(bodies[`${method} ${path}`] ?? {}) } : {};
    const headers = { ...as, ...(method === "POST" ? { "content-type": "application/json" } : {}) };
    const response = await api.fetch(path.replace("{id}", id).replace("{name}", "code"), { method, headers, ...body });
    const problem = response.status === 403 ? ((await response.json()) as { detail: string }) : undefined;
    const challenge = response.headers.get("www-authenticate");
    all.push({ operation: `${method} ${path}`, status: response.status, detail: problem?.detail, challenge });
  }
  return all;
}

const isPublic = ({ operation }: { operation: string }) => /^GET \/(?:health$|\.well-known\/)/.test(operation);

test("a key without scopes may do nothing, and each refusal names the scope that is missing", async () => {
  const all = await answers([]);

  expect(all.length).toBeGreaterThan(12);
  for (const { operation, status, detail, challenge } of all.filter((one) => !isPublic(one))) {
    expect([operation, status]).toEqual([operation, 403]);
    const [, scope] = /the scope `(\w+)`/.exec(detail ?? "") ?? [];
    expect(Scope.options).toContain(scope);
    expect(challenge).toBe(`Bearer realm="agenticore", error="insufficient_scope", scope="${scope}"`);
  }
});

test.each([
  [
    "submit",
    [
      ...[
        "POST /jobs",
        "POST /jobs/{id}/answers",
        "POST /jobs/{id}/messages",
        "POST /jobs/{id}/publish",
        "POST /jobs/{id}/retry",
      ],
      ...["DELETE /worktrees/{id}", "POST /worktrees", "POST /worktrees/cleanup"],
    ],
  ],
  ["cancel", ["DELETE /jobs/{id}", "POST /jobs/{id}/cancel"]],
  ["admin", ["POST /runners/{name}/drain"]],
  ["runner", []],
] as const)("the scope %s opens exactly what it is for", async (scope, opened) => {
  const all = await answers([scope]);
  const open = all.filter((one) => one.status !== 403 && !isPublic(one)).map(({ operation }) => operation);

  expect(open.sort()).toEqual([...opened].sort());
});

test("the scope read opens all that only reads, and nothing else", async () => {
  const open = (await answers(["read"])).filter(({ status }) => status !== 403).map(({ operation }) => operation);

  expect(open).toContain("GET /jobs/{id}/events");
  expect(open.filter((operation) => !operation.startsWith("GET "))).toEqual([]);
});

test("a key of the configuration has every scope but runner", async () => {
  await using api = await anApi({ settings: { apiKeys: [new Secret("a-red-key-of-the-test")], loopbackOnly: false } });
  const as = { "x-api-key": "a-red-key-of-the-test" };

  expect((await api.post("/jobs", { task: "x" }, as)).status).toBe(202);
  expect((await api.post("/runners/box/drain", {}, as)).status).toBe(404);
  expect((await api.get("/metrics", as)).status).toBe(200);
});
