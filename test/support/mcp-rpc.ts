/** What a server answers a request of MCP with: a result, or an error of the protocol. */
export type RpcAnswer = Readonly<{
  status: number;
  result: Record<string, unknown>;
  error: Readonly<{ code: number; message: string; data?: Record<string, unknown> }> | undefined;
}>;
type Send = (request: Request) => Response | Promise<Response>;
type Facts = Readonly<{
  url?: string;
  headers?: Readonly<Record<string, string>>;
  /** What the client can, beside these extensions. */
  capabilities?: Readonly<Record<string, object>>;
  extensions?: readonly string[];
}>;
export type Rpc = (method: string, params?: Readonly<Record<string, unknown>>) => Promise<RpcAnswer>;

export const tasksExtension = "io.modelcontextprotocol/tasks";
const revision = "2026-07-28";

/** A client of 2026-07-28 by hand: for what the SDK's own would not say. */
export const mcpRpc =
  (send: Send, { url = "http://127.0.0.1/mcp", headers = {}, capabilities = {}, extensions = [] }: Facts = {}): Rpc =>
  async (method, params = {}) => {
    const name = params["name"] ?? params["uri"] ?? params["taskId"];
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": revision,
      "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {
        ...capabilities,
        extensions: Object.fromEntries(extensions.map((extension) => [extension, {}])),
      },
    };
    const response = await send(
      new Request(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": revision,
          "mcp-method": method,
          ...(typeof name === "string" ? { "mcp-name": name } : {}),
          ...headers,
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }),
      }),
    );
    const text = await response.text();
    const body = text.startsWith("{") ? text : (/^data: (.*"id":1.*)$/m.exec(text)?.[1] ?? "{}");
    const { result, error } = JSON.parse(body) as Partial<RpcAnswer>;
    return { status: response.status, result: result ?? {}, error };
  };
