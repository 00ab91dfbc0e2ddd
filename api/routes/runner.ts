import type { OpenAPIHono } from "@hono/zod-openapi";
import { runnerPath } from "../../shared/runner-door/protocol.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";

/**
 * The store for runners that have a key instead of the database's secret. No part of the public API: the document does not
 * name it, and both sides are of one version. Loaded with the first call.
 */
export function runnerRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  app.all(`${runnerPath}:method`, async (c) => (await import("../runner-door/answer.ts")).answerRunner(deps, c));
}
