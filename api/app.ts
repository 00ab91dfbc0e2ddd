import { OpenAPIHono } from "@hono/zod-openapi";
import type { ErrorHandler, NotFoundHandler } from "hono";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { answerError, noSuchPath, wrongMethod } from "./answer.ts";
import { answerHeaders, pageHeaders } from "./answer-headers.ts";
import type { ApiEnv } from "./asked.ts";
import { endStreams } from "./auth/end-streams.ts";
import { limitRate } from "./auth/limit-rate.ts";
import { authenticate } from "./auth.ts";
import { dropUnreadBody, readBody } from "./body.ts";
import type { ApiDeps } from "./deps.ts";
import { gate } from "./gate.ts";
import { inTurn } from "./in-turn.ts";
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
import { serveRoutes } from "./serve-routes.ts";

/** What can stand behind a door instead of our own: for tests that bring their own tools. */
type Behind = Readonly<{ mcp?: MakeMcpServer }>;

/** Where people look: the only answers that a browser shows. */
const pages = ["/", "/docs"];

/** What pages of other origins may read of an answer beside what they always may (fetch.spec.whatwg.org/#cors-safelisted-response-header-name). */
const shownHeaders = [
  ...["location", "idempotent-replayed", "x-request-id"],
  ...["retry-after", "ratelimit", "ratelimit-policy"],
] as const;

/** The whole API over its dependencies; built once per process. Reaches no Node built-in. */
export function createApp(given: ApiDeps, { mcp }: Behind = {}): OpenAPIHono<ApiEnv> {
  const deps: ApiDeps = { memory: {}, ...given };
  const app = new OpenAPIHono<ApiEnv>();
  serveRoutes(app);
  const onError: ErrorHandler<ApiEnv> = (thrown, c) => answerError(thrown, c, deps.log);
  app.onError(onError);
  app.notFound(notFound(deps, app));
  const { corsOrigins } = deps.settings;
  const first = [answerHeaders(deps), dropUnreadBody(deps.clock), gate(deps)];
  const second = [authenticate(deps), limitRate(deps), endStreams(deps), readBody];
  if (corsOrigins.length === 0) app.use(inTurn([...first, ...second], onError));
  else {
    app.use(inTurn(first, onError));
    app.use(cors({ origin: [...corsOrigins], exposeHeaders: [...shownHeaders] }));
    app.use(inTurn(second, onError));
  }
  app.on("GET", pages, pageHeaders());
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

/** 404, or 405 where the path is ours: looked for once nothing else has answered, and not for each request. */
function notFound({ log }: ApiDeps, app: OpenAPIHono<ApiEnv>): NotFoundHandler<ApiEnv> {
  const look = methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      c.header("allow", methods.join(", "));
      return answerError(wrongMethod(c.req.method, c.req.path, methods), c, log);
    },
  });
  return async (c) => {
    c.res = answerError(noSuchPath(c.req.method, c.req.path), c, log);
    await look(c, async () => undefined);
    return c.res;
  };
}
