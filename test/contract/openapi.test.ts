import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { anApi } from "../support/an-api.ts";

type Parameter = { name: string; in: string; required?: boolean; schema?: object };
type Operation = {
  operationId: string;
  summary: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
};
type Document = {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
};

async function document(): Promise<Document> {
  await using api = await anApi();
  return (await api.get("/openapi.json")).body as Document;
}
const operations = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

test("the paths of the API are these", async () => {
  const lines = operations(await document()).map(
    ({ path, method, operation }) =>
      `${operation.operationId}: ${method.toUpperCase()} ${path} -> ${Object.keys(operation.responses).join(" ")}`,
  );
  expect(lines.sort()).toMatchSnapshot();
});

test("what may be sent is this", async () => {
  const { components } = await document();
  expect(components.schemas["SubmitRequest"]).toMatchSnapshot();
  expect(components.schemas["MessageRequest"]).toMatchSnapshot();
});

test("a job has these fields", async () => {
  const { components } = await document();
  const job = components.schemas["Job"] as { properties: object; required: string[] };
  expect({ fields: Object.keys(job.properties).sort(), always: [...job.required].sort() }).toMatchSnapshot();
});

test("the document is whole: every reference leads somewhere, every path parameter is told, every name is its own", async () => {
  const api = await document();
  const all = operations(api);

  expect(api.openapi).toBe("3.1.0");
  const refs = [...JSON.stringify(api).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref as string);
  expect(refs.length).toBeGreaterThan(20);
  for (const ref of refs)
    expect(Object.keys(api.components.schemas).map((name) => `#/components/schemas/${name}`)).toContain(ref);
  expect(new Set(all.map(({ operation }) => operation.operationId)).size).toBe(all.length);
  for (const { path, operation } of all) {
    const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    const told = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    expect(told.map((parameter) => parameter.name)).toEqual(named);
    for (const parameter of told) expect(parameter.required).toBe(true);
    for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeDefined();
    expect(operation.summary).not.toBe("");
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(response.description).not.toBe("");
      if (Number(status) >= 400) expect(Object.keys(response.content ?? {})).toEqual(["application/problem+json"]);
    }
  }
});

test("the document has every route that the server has, and no other", async () => {
  await using api = await anApi();
  const told = operations((await api.get("/openapi.json")).body as Document).map(
    ({ path, method }) => `${method.toUpperCase()} ${path}`,
  );
  const served = api.app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:([a-z]+)/g, "{$1}")}`);
  const pages = ["GET /", "GET /docs", "GET /openapi.json"];
  const mcp = ["GET /sse", "POST /messages"];
  expect(new Set(served)).toEqual(new Set([...told, ...pages, ...mcp]));
});

test("the reference names every route", async () => {
  const text = readFileSync(new URL("../../docs/reference/rest.md", import.meta.url), "utf8");
  for (const { path, method } of operations(await document()))
    expect(text).toContain(`\`${method.toUpperCase()} ${path}\``);
});
