import type { ServerResponse } from "node:http";

const kinds: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  413: "request_too_large",
};

/** Says no as the Messages API does. What is left of the request is not read: the connection closes. */
export function refuse(out: ServerResponse, status: number, message: string): void {
  if (out.headersSent) return void out.destroy();
  out.writeHead(status, { "content-type": "application/json", connection: "close" });
  out.end(JSON.stringify({ type: "error", error: { type: kinds[status] ?? "api_error", message } }));
}
