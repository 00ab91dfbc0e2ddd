import { HTTPException } from "hono/http-exception";
import type { Schemas } from "./shapes.ts";

/** The documented page of the call, as GitHub puts it into its refusals. */
const docs = (page: string): string => `https://docs.github.com/rest/${page}`;

const answer = (status: 401 | 403 | 404 | 422, body: object): HTTPException =>
  new HTTPException(status, { res: Response.json(body, { status }) });

export function badCredentials(): HTTPException {
  const body: Schemas["basic-error"] = {
    message: "Bad credentials",
    documentation_url: "https://docs.github.com/rest",
    status: "401",
  };
  return answer(401, body);
}

export function notFound(page: string): HTTPException {
  const body: Schemas["basic-error"] = { message: "Not Found", documentation_url: docs(page), status: "404" };
  return answer(404, body);
}

/** Visible, but this token may not. `needs`: as `x-accepted-github-permissions` names it. */
export function notAccessible(by: "personal access token" | "integration", page: string, needs: string): HTTPException {
  const body: Schemas["basic-error"] = {
    message: `Resource not accessible by ${by}`,
    documentation_url: docs(page),
    status: "403",
  };
  const res = Response.json(body, { status: 403, headers: { "x-accepted-github-permissions": needs } });
  return new HTTPException(403, { res });
}

type Problem = NonNullable<Schemas["validation-error"]["errors"]>[number];

export function invalid(page: string, ...errors: readonly Problem[]): HTTPException {
  const body: Schemas["validation-error"] & { status: string } = {
    message: "Validation Failed",
    errors: [...errors],
    documentation_url: docs(page),
    status: "422",
  };
  return answer(422, body);
}

export function unprocessable(page: string, message: string): HTTPException {
  const body: Schemas["basic-error"] = { message, documentation_url: docs(page), status: "422" };
  return answer(422, body);
}
