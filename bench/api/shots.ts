import type { Shot } from "./load.ts";

export const key = "the-key-of-the-benchmark";
export const kinds = ["submit", "get", "list", "MCP call"] as const;
export type Kind = (typeof kinds)[number];

const head = [
  "host: 127.0.0.1",
  "user-agent: bench",
  "accept: application/json, text/event-stream",
  `authorization: Bearer ${key}`,
];

const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const mcpHead = ["mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", "mcp-name: get_job"];
const task = "Rename the parser's fields to what the format calls them, and add a test for each. ".repeat(6);

/** The same bytes for both sides: each reads of them what it wants. `id` is a job that is there. */
export function shotOf(kind: Kind, id: string): Shot {
  switch (kind) {
    case "submit":
      return fixed(202, post("/jobs", { task, metadata: { team: "bench" } }));
    case "get":
      return fixed(200, request(`GET /jobs/${id}`, [], ""));
    case "list":
      return fixed(200, request("GET /jobs", [], ""));
    case "MCP call": {
      const params = { name: "get_job", arguments: { job_id: id }, _meta: meta };
      return fixed(200, post("/mcp", { jsonrpc: "2.0", id: 1, method: "tools/call", params }, mcpHead));
    }
    default:
      return kind satisfies never;
  }
}

const fixed = (status: number, text: string): Shot => ({ status, bytes: text });

function post(path: string, body: object, more: readonly string[] = []): string {
  const text = JSON.stringify(body);
  return request(`POST ${path}`, [...more, "content-type: application/json", `content-length: ${text.length}`], text);
}

const request = (first: string, more: readonly string[], body: string): string =>
  `${[`${first} HTTP/1.1`, ...head, ...more].join("\r\n")}\r\n\r\n${body}`;
