import type { ReadResourceResult } from "@modelcontextprotocol/server";
import { png } from "./content.ts";

const textual = (uri: string, text: string): ReadResourceResult => ({
  contents: [{ uri, mimeType: "text/plain", text }],
});

export const fixtureResources = ["test://static-text", "test://static-binary"].map((uri) => ({
  uri,
  name: uri.replace("test://", ""),
  description: "For the conformance suite.",
}));

/** Undefined for what is not the suite's. */
export function fixtureResource(uri: string): ReadResourceResult | undefined {
  if (uri === "test://static-text") return textual(uri, "This is a text.");
  if (uri === "test://static-binary") return { contents: [{ uri, mimeType: png.mimeType, blob: png.data }] };
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? [];
  return id === undefined ? undefined : textual(uri, `What ${id} holds.`);
}
