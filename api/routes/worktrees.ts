import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { JobReply, WorktreeJobsReply, WorktreeReply, WorktreesReply } from "../../shared/reply.ts";
import { CleanupRequest, PrepareRequest } from "../../shared/worktree.ts";
import type { ApiEnv } from "../asked.ts";
import { requireScope } from "../auth/scope.ts";
import type { ApiDeps } from "../deps.ts";
import { json, problems } from "../openapi.ts";
import { cleanupWorktrees, getWorktree, listWorktrees, prepareWorktree, worktreeOf } from "../worktrees.ts";
import { asking } from "./asking.ts";

const tags = ["worktrees"];
const worktreePath = z.object({
  id: z.string().openapi({ format: "uuid", description: "The worktree's identifier." }),
});

const prepare = createRoute({
  method: "post",
  path: "/worktrees",
  operationId: "prepareWorktree",
  tags,
  summary: "Prepare a worktree",
  description: "Queues a job that makes it; the worktree's id is the job's. Then jobs may name it as `worktree_id`.",
  request: { body: { content: { "application/json": { schema: PrepareRequest } }, required: true } },
  responses: {
    202: { ...json(JobReply, "The job that prepares it."), headers: z.object({ location: z.string() }) },
    ...problems(400, 413, 415, 422),
  },
});

const list = createRoute({
  method: "get",
  path: "/worktrees",
  operationId: "listWorktrees",
  tags,
  summary: "List prepared worktrees, newest first",
  responses: { 200: json(WorktreesReply, "Those that were not removed."), ...problems() },
});

const get = createRoute({
  method: "get",
  path: "/worktrees/{id}",
  operationId: "getWorktree",
  tags,
  summary: "Read a prepared worktree",
  request: { params: worktreePath },
  responses: { 200: json(WorktreeReply, "The worktree."), ...problems(404) },
});

const remove = createRoute({
  method: "delete",
  path: "/worktrees/{id}",
  operationId: "deleteWorktree",
  tags,
  summary: "Remove a prepared worktree",
  description: "Never one that a job uses; one with work that was not pushed only with `force`.",
  request: {
    params: worktreePath,
    query: z.strictObject({ force: z.enum(["true", "false"]).optional() }),
  },
  responses: { 202: json(JobReply, "The job that removes it."), ...problems(400, 404, 409) },
});

const cleanup = createRoute({
  method: "post",
  path: "/worktrees/cleanup",
  operationId: "cleanupWorktrees",
  tags,
  summary: "Remove prepared worktrees, by id or by age",
  description:
    "One job for each box. By age those that a job uses are left out, and without `force` those with work that was not pushed.",
  request: { body: { content: { "application/json": { schema: CleanupRequest } }, required: true } },
  responses: { 202: json(WorktreeJobsReply, "The jobs that remove them."), ...problems(400, 404, 409, 413, 415) },
});

/** Prepared worktrees as REST. */
export function worktreeRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  const success = true as const;
  app.openapi(prepare, async (c) => {
    const job = await prepareWorktree(deps, c.req.valid("json"), asking(c));
    c.header("location", `/worktrees/${job.id}`);
    return c.json({ success, job }, 202);
  });
  app.openapi(list, async (c) => {
    const worktrees = [...(await listWorktrees(deps, asking(c)))];
    return c.json({ success, count: worktrees.length, worktrees }, 200);
  });
  app.openapi(get, async (c) =>
    c.json({ success, worktree: await getWorktree(deps, c.req.valid("param").id, asking(c)) }, 200),
  );
  app.openapi(remove, async (c) => {
    requireScope(c.get("asked").caller, "submit");
    const { id } = await worktreeOf(deps, c.req.valid("param").id, asking(c));
    const force = c.req.valid("query").force === "true";
    const [job] = await cleanupWorktrees(deps, { worktree_ids: [id], force }, asking(c));
    if (!job) throw new Error(`nothing was queued for the worktree ${id}`);
    return c.json({ success, job }, 202);
  });
  app.openapi(cleanup, async (c) => {
    const jobs = [...(await cleanupWorktrees(deps, c.req.valid("json"), asking(c)))];
    return c.json({ success, count: jobs.length, jobs }, 202);
  });
}
