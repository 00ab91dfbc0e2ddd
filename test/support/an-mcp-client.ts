import {
  Client,
  type ElicitResult,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";

/** The revisions that a client of the SDK speaks, by how it opens: with `initialize`, or without. */
export type Era = "legacy" | "modern";
export const eras: readonly Era[] = ["legacy", "modern"];
type Send = (request: Request) => Response | Promise<Response>;
/** A tool's answer as a program reads it. */
export type Called = Readonly<{ isError: boolean; body: Record<string, unknown>; text: string }>;
export type McpClient = AsyncDisposable &
  Readonly<{
    client: Client;
    call: (name: string, args?: Record<string, unknown>) => Promise<Called>;
  }>;

export type ClientFacts = Readonly<{
  era?: Era;
  headers?: Readonly<Record<string, string>>;
  url?: string;
  /** What the user says who is asked; without it the client declares that it can ask nobody. */
  elicit?: (message: string) => ElicitResult | Promise<ElicitResult>;
}>;

const pinned = { pin: "2026-07-28" } as const;
export const negotiation = (era: Era) => ({
  versionNegotiation: { mode: era === "modern" ? pinned : ("legacy" as const) },
});

/** The SDK's own client, speaking to an app of this process or, without `send`, to a server. */
export async function anMcpClient(
  send: Send | undefined,
  { era = "modern", headers = {}, url, elicit }: ClientFacts = {},
) {
  const transport = new StreamableHTTPClientTransport(new URL(url ?? "http://127.0.0.1/mcp"), {
    requestInit: { headers: { ...headers } },
    ...(send ? { fetch: async (to, init) => send(new Request(to, init)) } : {}),
  });
  const client = elicitingClient(era, elicit);
  await client.connect(transport);
  return mcpClient(client);
}

type SseFacts = Pick<ClientFacts, "headers" | "elicit"> & Readonly<{ fetch?: typeof fetch }>;

/** The same over HTTP+SSE: the transport of before 2025. */
export async function anSseClient(url: string, { headers = {}, fetch, elicit }: SseFacts = {}): Promise<McpClient> {
  const transport = new SSEClientTransport(new URL("/sse", url), {
    requestInit: { headers: { ...headers } },
    ...(fetch ? { fetch: (...asked) => fetch(...asked) } : {}),
  });
  const client = elicitingClient("legacy", elicit);
  await client.connect(transport);
  return mcpClient(client);
}

export function elicitingClient(era: Era, elicit: ClientFacts["elicit"]): Client {
  const capabilities = elicit ? { capabilities: { elicitation: {} } } : {};
  const client = new Client({ name: "test", version: "1" }, { ...negotiation(era), ...capabilities });
  if (elicit) client.setRequestHandler("elicitation/create", ({ params }) => elicit(params.message));
  return client;
}

export const mcpClient = (client: Client): McpClient => ({
  client,
  call: async (name, args = {}) => {
    const result = await client.callTool({ name, arguments: args });
    const [first] = result.content as { type: string; text: string }[];
    const text = first?.text ?? "";
    return { isError: result.isError === true, body: result.structuredContent as Record<string, unknown>, text };
  },
  [Symbol.asyncDispose]: () => client.close(),
});
