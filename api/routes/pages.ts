import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { openApiInfo } from "../openapi.ts";
import { type ApiDocument, docsPage } from "../pages/docs.ts";
import { homePage } from "../pages/home.ts";

/** Mounted last: the document is of all routes before it, and made once, when it is first asked for. */
export function pageRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  let made: ReturnType<typeof app.getOpenAPI31Document> | undefined;
  const document = () => {
    made ??= app.getOpenAPI31Document(openApiInfo(deps.version));
    return made;
  };
  app.get("/openapi.json", (c) => c.json(document()));
  app.get("/docs", (c) => docsPage(c, JSON.parse(JSON.stringify(document())) as ApiDocument));
  app.get("/", (c) => homePage(deps, c));
}
