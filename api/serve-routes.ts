import type { OpenAPIHono, RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { invalidRequest } from "../shared/problem.ts";
import type { ApiEnv } from "./asked.ts";
import { compiled } from "./compiled.ts";

type Serve = OpenAPIHono<ApiEnv>["openapi"];
type Handler = (c: Context<ApiEnv>) => Response | Promise<Response>;
type Parts = NonNullable<RouteConfig["request"]>;

/**
 * As `OpenAPIHono.openapi`, which makes a middleware of each part of a request: here all parts are looked at in one step, and
 * what is not sent is not looked for. Bodies are JSON and have been read (`readBody`).
 * @throws AppError `invalid_request` with each wrong place of the first part that is wrong: query, path, body.
 */
export function serveRoutes(app: OpenAPIHono<ApiEnv>): void {
  const serve = ({ method, path, ...rest }: RouteConfig, handler: Handler) => {
    app.openAPIRegistry.registerPath({ method, path, ...rest });
    const { query: inQuery, params: inPath, body } = (rest.request ?? {}) as Parts;
    const { schema: inBody } = (body?.content["application/json"] ?? {}) as Readonly<{ schema?: z.ZodType }>;
    const [query, params, json] = [inQuery, inPath, inBody].map((part) => part && compiled(part as z.ZodType));
    const isNeeded = body?.required === true;
    app.on([method], [path.replaceAll(/\/{(.+?)}/g, "/:$1")], (c) => {
      if (query) c.req.addValidatedData("query", valid(query(), queryOf(c)));
      if (params) c.req.addValidatedData("param", valid(params(), c.req.param()));
      if (!json) return handler(c);
      const text = c.get("asked").text;
      if (text === undefined && !isNeeded) c.req.addValidatedData("json", {});
      else c.req.addValidatedData("json", valid(json(), text === undefined ? {} : parsed(text)));
      return handler(c);
    });
    return app;
  };
  app.openapi = serve as unknown as Serve;
}

function valid(schema: z.ZodType, value: unknown): object {
  const result = schema.safeParse(value);
  if (result.success) return result.data as object;
  throw invalidRequest(result.error);
}

/** What comes more than once is a list. */
function queryOf(c: Context<ApiEnv>): object {
  if (!c.req.url.includes("?")) return {};
  const all = Object.entries(c.req.queries());
  return Object.fromEntries(all.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HTTPException(400, { message: "Malformed JSON in request body", cause });
  }
}
