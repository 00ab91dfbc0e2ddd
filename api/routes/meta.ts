import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { AppError } from "../../shared/error.ts";
import { toProblem } from "../../shared/problem.ts";
import {
  BudgetsReply,
  DrainReply,
  HealthReply,
  ProfileReply,
  ProfilesReply,
  ReadyReply,
  RunnersReply,
} from "../../shared/reply.ts";
import type { ApiEnv } from "../asked.ts";
import { auditAct } from "../audit.ts";
import { requireScope } from "../auth/scope.ts";
import { budgetDay, listBudgets } from "../budgets.ts";
import type { ApiDeps } from "../deps.ts";
import { measure } from "../measure.ts";
import { metricsContentType } from "../metrics/exposition.ts";
import { metricsText } from "../metrics.ts";
import { json, namePath, noBody, problems } from "../openapi.ts";
import { getProfile, listProfiles } from "../profiles.ts";
import { checkParts } from "../readiness.ts";
import { drainRunner, listRunners } from "../runners.ts";

const profiles = createRoute({
  method: "get",
  path: "/profiles",
  operationId: "listProfiles",
  tags: ["profiles"],
  summary: "List profiles",
  responses: { 200: json(ProfilesReply, "Those of all live runners and the bundled ones."), ...problems() },
});

const profile = createRoute({
  method: "get",
  path: "/profiles/{name}",
  operationId: "getProfile",
  tags: ["profiles"],
  summary: "Read a profile",
  request: { params: namePath },
  responses: { 200: json(ProfileReply, "The profile."), ...problems(404) },
});

const runners = createRoute({
  method: "get",
  path: "/runners",
  operationId: "listRunners",
  tags: ["runners"],
  summary: "List live runners",
  responses: { 200: json(RunnersReply, "The runners seen in the last 90 s."), ...problems() },
});

const drain = createRoute({
  method: "post",
  path: "/runners/{name}/drain",
  operationId: "drainRunner",
  tags: ["runners"],
  summary: "Let a runner finish and take no more",
  request: { params: namePath, body: noBody },
  responses: {
    200: json(DrainReply, "How many live runners of that name now drain."),
    ...problems(400, 404, 413, 415),
  },
});

const budgets = createRoute({
  method: "get",
  path: "/budgets",
  operationId: "listBudgets",
  tags: ["server"],
  summary: "What is left of today's budgets",
  request: {
    query: z.strictObject({
      repo_url: z.string({ error: "must be given once" }).min(1).max(2048).optional().openapi({
        description: "Also that of this repository.",
      }),
    }),
  },
  responses: { 200: json(BudgetsReply, "All jobs' and the caller's own, where they are limited."), ...problems(400) },
});

const health = createRoute({
  method: "get",
  path: "/health",
  operationId: "getHealth",
  tags: ["server"],
  summary: "Whether the server runs",
  security: [],
  responses: { 200: json(HealthReply, "It runs. Always public; looks at nothing else.") },
});

const ready = createRoute({
  method: "get",
  path: "/ready",
  operationId: "getReadiness",
  tags: ["server"],
  summary: "Whether the server can work",
  responses: {
    200: json(ReadyReply, "Every part answers."),
    ...problems(),
    503: { ...problems()[503], description: "A part does not answer; `parts` says which." },
  },
});

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  operationId: "getMetrics",
  tags: ["server"],
  summary: "Metrics for Prometheus",
  responses: {
    200: { description: "Text exposition format.", content: { "text/plain": { schema: z.string() } } },
    ...problems(),
  },
});

/** Profiles, runners, and what is asked of the server itself. */
export function metaRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  const success = true as const;
  app.openapi(profiles, async (c) => {
    requireScope(c.get("asked").caller, "read");
    const found = await listProfiles(deps);
    return c.json({ success, count: found.length, profiles: [...found] }, 200);
  });
  app.openapi(profile, async (c) => {
    requireScope(c.get("asked").caller, "read");
    return c.json({ success, profile: await getProfile(deps, c.req.valid("param").name) }, 200);
  });
  app.openapi(runners, async (c) => {
    requireScope(c.get("asked").caller, "read");
    const found = await listRunners(deps);
    return c.json({ success, count: found.length, runners: [...found] }, 200);
  });
  app.openapi(drain, async (c) => {
    const { name } = c.req.valid("param");
    const caller = c.get("asked").caller;
    const draining = await drainRunner(deps, name, caller);
    auditAct(deps.log, "runner.drain", { request_id: c.get("asked").requestId, caller, runner: name, draining });
    return c.json({ success, name, draining }, 200);
  });
  app.openapi(budgets, async (c) => {
    requireScope(c.get("asked").caller, "read");
    const found = await listBudgets(deps, c.req.valid("query").repo_url, c.get("asked").caller);
    const { perJob } = deps.settings.budgets ?? {};
    const most = perJob === undefined ? {} : { max_per_job_usd: perJob };
    return c.json({ success, ...budgetDay(deps), ...most, budgets: found }, 200);
  });
  app.openapi(health, (c) =>
    c.json({ success, status: "ok" as const, service: "agenticore" as const, version: deps.version }, 200),
  );
  app.openapi(ready, async (c) => {
    requireScope(c.get("asked").caller, "read");
    const parts = await checkParts(deps);
    const down = Object.keys(parts).filter((name) => parts[name]?.ok !== true);
    if (down.length === 0) return c.json({ success, parts }, 200);
    const problem = toProblem(new AppError("store_unavailable", `Not ready: ${down.join(", ")} does not answer.`));
    const headers = { "content-type": "application/problem+json", "retry-after": "5" };
    return c.body(JSON.stringify({ ...problem, parts, request_id: c.get("asked").requestId }), 503, headers);
  });
  app.openapi(metrics, async (c) => {
    requireScope(c.get("asked").caller, "read");
    return c.text(metricsText(await measure(deps)), 200, { "content-type": metricsContentType });
  });
}
