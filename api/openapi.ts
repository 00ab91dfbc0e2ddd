import { z } from "@hono/zod-openapi";
import { Problem } from "../shared/problem.ts";

/** What the document says of itself; the paths come from the routes. */
export const openApiInfo = (version: string) => ({
  openapi: "3.1.0",
  info: {
    title: "Agenticore",
    version,
    description: "Submit a task, get a pull request: jobs for Claude Code, as REST.",
    license: { name: "MIT", identifier: "MIT" },
  },
  security: [{ bearer: [] }, { apiKey: [] }],
});

export const securitySchemes = {
  bearer: { type: "http", scheme: "bearer", description: "An API key. Not needed where the server has none." },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "The same key in a header of its own." },
} as const;

/** A body of JSON, described. */
export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  content: { "application/json": { schema } },
  description,
});

const reasons: Readonly<Record<number, string>> = {
  400: "The request is not valid; `errors` names each wrong place.",
  401: "An API key is needed.",
  403: "The origin or the host name is not allowed, or the key lacks a scope.",
  404: "There is no such thing, or it is another tenant's.",
  405: "The path does not take this method.",
  409: "The state does not allow this.",
  413: "The body is larger than 1 MiB.",
  415: "The body is not application/json.",
  422: "Well formed, but it cannot be done: unknown profile, repository not allowed, key used for another body.",
  429: "Too many requests with this key, or a budget of the day has no room for the job; `Retry-After` says when to come back.",
  503: "The store cannot be reached; try again.",
};

/** The problem documents (RFC 9457) that a route may answer with; 401, 403, 429 and 503 are everywhere. */
export const problems = (...statuses: readonly (keyof typeof reasons)[]) =>
  Object.fromEntries(
    [...new Set([...statuses, 401, 403, 429, 503])].map((status) => [
      status,
      { content: { "application/problem+json": { schema: Problem } }, description: reasons[status] ?? "" },
    ]),
  );

/** A whole number in a query: digits only, so that `1e2`, `0x10` and an empty value are told. */
export const wholeParam = (min: number, max: number) =>
  z
    .string({ error: "must be given once" })
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min, `must be ${min} to ${max}`).max(max, `must be ${min} to ${max}`))
    .openapi({ type: "integer", minimum: min, maximum: max });

/** Not validated here: what is no UUID is a job that is not there, not a bad request. */
export const jobPath = z.object({
  id: z.string().openapi({ format: "uuid", description: "The job's identifier." }),
});
export const namePath = z.object({ name: z.string() });
/** Acts without fields: no body, or an empty object. */
export const noBody = { content: { "application/json": { schema: z.strictObject({}) } }, required: false };
