import { OpenAPIHono } from "@hono/zod-openapi";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { invalidRequest } from "../shared/problem.ts";
import { answerError, noSuchPath, wrongMethod } from "./answer.ts";
import { answerHeaders } from "./answer-headers.ts";
import { endStreams } from "./auth/end-streams.ts";
import { limitRate } from "./auth/limit-rate.ts";
import { authenticate } from "./auth.ts";
import { dropUnreadBody, readBody } from "./body.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { gate } from "./gate.ts";
import type { MakeMcpServer } from "./mcp/server.ts";
import { securitySchemes } from "./openapi.ts";
import { eventRoutes } from "./routes/events.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { mcpRoutes } from "./routes/mcp.ts";
import { metaRoutes } from "./routes/meta.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { pageRoutes } from "./routes/pages.ts";
import { runnerRoutes } from "./routes/runner.ts";
import { worktreeRoutes } from "./routes/worktrees.ts";

/** What can stand behind a door instead of our own: for tests that bring their own tools. */
type Behind = Readonly<{ mcp?: MakeMcpServer }>;

/** What pages of other origins may read of an answer beside what they always may (fetch.spec.whatwg.org/#cors-safelisted-response-header-name). */
const shownHeaders = [
  ...["location", "idempotent-replayed", "x-request-id"],
  ...["retry-after", "ratelimit", "ratelimit-policy"],
] as const;

/** The whole API over its dependencies; built once per process. Reaches no Node built-in. */
export function createApp(given: ApiDeps, { mcp }: Behind = {}): OpenAPIHono<ApiEnv> {
  const deps: ApiDeps = { memory: {}, ...given };
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });
  app.onError((thrown, c) => answerError(thrown, c, deps.log));
  app.notFound((c) => answerError(noSuchPath(c.req.method, c.req.path), c, deps.log));
  app.use(answerHeaders(deps));
  app.use(dropUnreadBody(deps.clock));
  app.use(gate(deps));
  const { corsOrigins } = deps.settings;
  if (corsOrigins.length > 0) app.use(cors({ origin: [...corsOrigins], exposeHeaders: [...shownHeaders] }));
  app.use(authenticate(deps));
  app.use(limitRate(deps));
  app.use(endStreams(deps));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header("allow", methods.join(", "));
        return answerError(wrongMethod(c.req.method, c.req.path, methods), c, deps.log);
      },
    }),
  );
  app.use(readBody);
  for (const [name, scheme] of Object.entries(securitySchemes))
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  jobRoutes(deps, app);
  eventRoutes(deps, app);
  worktreeRoutes(deps, app);
  metaRoutes(deps, app);
  oauthRoutes(deps, app);
  mcpRoutes(deps, app, mcp);
  runnerRoutes(deps, app);
  pageRoutes(deps, app);
  return app;
}
