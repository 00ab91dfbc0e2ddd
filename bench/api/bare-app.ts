import { Hono } from "hono";
import { iso } from "../../shared/clock.ts";
import { type Job, JobId } from "../../shared/job.ts";
import type { JobStore } from "../../shared/store.ts";

type Call = Readonly<{ id: number; params: Readonly<{ arguments: Readonly<{ job_id: string }> }> }>;

/**
 * What our routes are measured by: Hono, the JSON of the request, one call of the same store, and JSON. No check of
 * anything, no key, no header of its own.
 */
export function bareApp(store: (env: unknown) => JobStore): Hono {
  const app = new Hono();
  app.post("/jobs", async (c) => {
    const asked = await c.req.json<Pick<Job, "task">>();
    const { job } = await store(c.env).submit({ job: asJob(asked), tenant: "bare", queueTtlSeconds: 86_400 });
    return c.json({ success: true, job }, 202);
  });
  app.get("/jobs/:id", async (c) => {
    const job = await store(c.env).get(JobId.parse(c.req.param("id")), "bare");
    return c.json({ success: true, job }, 200);
  });
  app.get("/jobs", async (c) => {
    const { jobs } = await store(c.env).list({ tenant: "bare", limit: 20 });
    return c.json({ success: true, count: jobs.length, jobs }, 200);
  });
  app.post("/mcp", async (c) => {
    const { id, params } = await c.req.json<Call>();
    const job = await store(c.env).get(JobId.parse(params.arguments.job_id), "bare");
    const body = { success: true, job };
    const result = { content: [{ type: "text", text: JSON.stringify(body) }], structuredContent: body };
    return c.json({ jsonrpc: "2.0", id, result }, 200);
  });
  return app;
}

const asJob = (asked: Pick<Job, "task">): Job => ({
  id: JobId.parse(crypto.randomUUID()),
  kind: "task",
  profile: "code",
  pool: "default",
  priority: 0,
  max_attempts: 3,
  routed_by: "default",
  ...asked,
  status: "queued",
  mode: "fire_and_forget",
  attempt: 0,
  attempts: [],
  created_at: iso(Date.now()),
  ttl_seconds: 86_400,
});
