import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { Scope } from "../../shared/api-key.ts";
import { AppError } from "../../shared/error.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { json, problems } from "../openapi.ts";

const ResourceMetadata = z
  .object({
    resource: z.string(),
    authorization_servers: z.array(z.string()),
    scopes_supported: z.array(z.string()),
    bearer_methods_supported: z.array(z.literal("header")),
    resource_name: z.string(),
  })
  .openapi("ResourceMetadata");

const metadataAt = (path: string, operationId: string) =>
  createRoute({
    method: "get",
    path,
    operationId,
    tags: ["server"],
    summary: "Which authorization servers give tokens for this server (RFC 9728)",
    security: [],
    responses: { 200: json(ResourceMetadata, "Always public."), ...problems(404) },
  });

const root = metadataAt("/.well-known/oauth-protected-resource", "getResourceMetadata");
const mcp = metadataAt("/.well-known/oauth-protected-resource/mcp", "getMcpResourceMetadata");

/** The protected resource's metadata, where a client of `/` and one of `/mcp` look for it. */
export function oauthRoutes({ settings: { oauth } }: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  const metadata = () => {
    if (!oauth)
      throw new AppError("not_found", "This server takes no tokens: it has no issuers.", {
        remedy: "Use an API key, or set AGENTICORE_OAUTH_ISSUERS and AGENTICORE_OAUTH_RESOURCE on the server.",
      });
    return {
      resource: oauth.resource,
      authorization_servers: [...oauth.issuers],
      scopes_supported: oauth.scopes ? Object.keys(oauth.scopes) : Scope.options.filter((scope) => scope !== "runner"),
      bearer_methods_supported: ["header" as const],
      resource_name: "Agenticore",
    };
  };
  app.openapi(root, (c) => c.json(metadata(), 200));
  app.openapi(mcp, (c) => c.json(metadata(), 200));
}
