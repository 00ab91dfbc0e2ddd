import type { Context } from "hono";
import { html } from "hono/html";
import type { ApiEnv } from "../asked.ts";
import { type Html, page } from "./page.ts";

/** As much of an OpenAPI document as the page shows. */
export type Schema = Readonly<{
  $ref?: string;
  type?: string | readonly string[];
  format?: string;
  description?: string;
  enum?: readonly unknown[] | null;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  items?: Schema;
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
}>;
type Content = Readonly<Record<string, Readonly<{ schema?: Schema }>>>;
type Operation = Readonly<{
  operationId?: string;
  summary?: string;
  description?: string;
  parameters?: readonly Readonly<{
    name: string;
    in: string;
    required?: boolean;
    schema?: Schema;
    description?: string;
  }>[];
  requestBody?: Readonly<{ content: Content; required?: boolean }>;
  responses: Readonly<Record<string, Readonly<{ description: string; content?: Content }>>>;
}>;
export type ApiDocument = Readonly<{
  info: Readonly<{ version: string }>;
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;

/** The OpenAPI document for people. */
export const docsPage = (c: Context<ApiEnv>, api: ApiDocument): Response | Promise<Response> =>
  page(
    c,
    "Agenticore REST API",
    html`<header><h1>Agenticore REST API</h1>
<p class="soft">Version ${api.info.version}. The same as a document: <a href="/openapi.json">openapi.json</a>. <a href="/">Newest jobs</a></p>
<p>Bodies are JSON. Where the server has API keys, send one as <code>Authorization: Bearer …</code> or <code>X-API-Key</code>. Every success says <code>success: true</code>; every error is a problem document (RFC 9457) with a code, a sentence and a remedy.</p></header>
<main>
<h2>Paths</h2>
${Object.entries(api.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => operationPart({ path, method, operation })),
)}
<h2>Shapes</h2>
${Object.entries(api.components.schemas).map(([name, schema]) => schemaPart(name, schema))}
</main>`,
  );

type Named = Readonly<{ path: string; method: string; operation: Operation }>;

const operationPart = ({ path, method, operation }: Named): Html => html`<details id="${operation.operationId ?? ""}">
<summary><span class="method">${method.toUpperCase()}</span> <code>${path}</code> <span class="soft">${operation.summary ?? ""}</span></summary>
<div>${operation.description ? html`<p>${operation.description}</p>` : ""}
${
  operation.parameters?.length
    ? html`<h3>Parameters</h3>${fieldTable(
        operation.parameters.map((parameter) => ({
          name: `${parameter.name} (${parameter.in})`,
          required: parameter.required === true,
          schema: { ...parameter.schema, ...(parameter.description ? { description: parameter.description } : {}) },
        })),
      )}`
    : ""
}
${operation.requestBody ? html`<h3>Body</h3>${contentPart(operation.requestBody.content)}` : ""}
<h3>Answers</h3>
<div class="wide"><table><tbody>${Object.entries(operation.responses).map(
  ([status, response]) =>
    html`<tr><td><code>${status}</code></td><td>${response.description} ${
      response.content && !status.startsWith("4") && !status.startsWith("5") ? contentPart(response.content) : ""
    }</td></tr>`,
)}</tbody></table></div></div>
</details>`;

const contentPart = (content: Content): readonly Html[] =>
  Object.entries(content).map(([type, { schema = {} }]) =>
    schema.properties
      ? html`<p class="soft">${type}: ${Object.entries(schema.properties).map(([name, field], index) => html`${index ? ", " : ""}<code>${name}</code> ${kind(field)}`)}</p>`
      : html`<p class="soft">${type}: ${kind(schema)}</p>`,
  );

const schemaPart = (name: string, { properties = {}, required = [] }: Schema): Html => html`<details id="${name}">
<summary><code>${name}</code></summary>
<div>${fieldTable(Object.entries(properties).map(([field, schema]) => ({ name: field, schema, required: required.includes(field) })))}</div>
</details>`;

type Field = Readonly<{ name: string; required: boolean; schema: Schema }>;

const fieldTable = (fields: readonly Field[]): Html => html`<div class="wide"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${fields.map(
  ({ name, required, schema }) =>
    html`<tr><td><code>${name}</code>${required ? " *" : ""}</td><td>${kind(schema)}</td><td>${[schema.description ?? "", limits(schema)].filter(Boolean).join(" ")}</td></tr>`,
)}</tbody></table></div>`;

/** The type in a word or two; a named shape is a link to it. */
function kind(schema: Schema): Html | string {
  if (schema.$ref) {
    const name = schema.$ref.replace(/.*\//, "");
    return html`<a href="#${name}">${name}</a>`;
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return html`${schema.anyOf.map((one, index) => html`${index ? " or " : ""}${kind(one)}`)}`;
  if (schema.items) return html`list of ${kind(schema.items)}`;
  return [
    typeof schema.type === "string" ? schema.type : (schema.type?.join(" or ") ?? "anything"),
    schema.format ?? "",
  ]
    .filter(Boolean)
    .join(", ");
}

function limits(schema: Schema): string {
  const { minimum: low, maximum: high } = schema;
  return [
    low !== undefined && high !== undefined ? `${low} to ${high}.` : "",
    schema.maxLength === undefined ? "" : `At most ${schema.maxLength} characters.`,
    schema.default === undefined ? "" : `Default ${JSON.stringify(schema.default)}.`,
  ]
    .filter(Boolean)
    .join(" ");
}
